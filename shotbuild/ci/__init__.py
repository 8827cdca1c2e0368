"""What continuous integration shows of a call: Markdown for a pull request, JUnit, annotations, code quality."""
