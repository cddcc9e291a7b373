"""One cell from start to end: measure and certify.

Knows how a search, an engine and a source work together, in which order rounds run, how a killed
measurement goes on, and what a cell leaves behind.
Must not know how nets train, how sizes are chosen, or what a file looks like inside.
"""
