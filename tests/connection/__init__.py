"""`linktide.connect`, on real services and files."""
