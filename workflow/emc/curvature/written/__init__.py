"""Gradient and Hessian products of a layered net, written out in numpy layer by layer.

Knows the derivatives of dense and convolutional layers, activations and losses.
Must not know torch, Lanczos or what a product is asked for.
"""
