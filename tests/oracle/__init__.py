"""A brute-force model of the index, written from its specification alone, to compare every view with.

Nothing here may import the product: what is compared must not share its mistakes.
"""
