"""Bytes in, bytes out: the content-addressed store and the action cache. Knows neither shots nor stages."""
