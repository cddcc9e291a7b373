"""The command `emc`, and the error boundary that it shares with every script.

Knows how a person asks and what they are told when something is wrong.
Must not know how anything is measured, stored or drawn.
"""
