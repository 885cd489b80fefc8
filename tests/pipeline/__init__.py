"""Whole-pipeline tests on the memory source."""
