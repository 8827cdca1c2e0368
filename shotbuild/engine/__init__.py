"""Actions → ActionResults: in order of need, each once, the record last. Knows neither specs nor terminals."""
