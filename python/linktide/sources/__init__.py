"""Where link events come from. Each source speaks the protocol of `source.py`."""
