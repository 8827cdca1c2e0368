"""For people who add to shotbuild: suites that say whether a provider keeps to its contract. Needs no test runner."""
