"""The image, the files of one host, and what runs in them."""
