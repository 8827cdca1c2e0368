"""The doors to storage that several machines share: buckets, folders, HTTP caches."""
