"""The Python way in: measure a user's net on a user's data.

Knows how a researcher's objects become a procedure and a source, and how an answer is shown.
Must not know more of any floor below than its public names.
"""
