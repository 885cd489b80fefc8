"""A seeded simulator of the core loop: clock, source and store passed in, faults between any two steps."""
