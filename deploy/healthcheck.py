"""Is the role of this container alive? Asks /healthz where the roles of earshot answer it; exit
code 0 for yes.

A role that answers nowhere (migrate, replay) is alive as long as its process is, which whoever runs
containers sees.
"""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    for port in (
        os.environ.get("EARSHOT_WORKER_PORT", "8081"),
        os.environ.get("EARSHOT_PORT", "8080"),
    ):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=4):
                return 0
        except urllib.error.HTTPError as error:
            print(error.read().decode(errors="replace").strip())
            return 1
        except ConnectionRefusedError:
            continue
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                print(error.reason)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
