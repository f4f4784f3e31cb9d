"""The server: the API under ``/api/v1`` and the web page, for collectors and operators."""
