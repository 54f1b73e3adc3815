"""What the tests of the server count."""


class Checks:
    """The last line that end() prints counts the checks, as every test program's does."""

    def __init__(self, subject):
        self.subject = subject
        self.passed = self.failed = 0

    def that(self, name, good, *details):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {self.subject}: {name}", *[f"    {d!s:.2000}" for d in details],
                  sep="\n")

    def end(self):
        """The exit code."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
