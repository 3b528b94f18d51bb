"""
Entry: `python <this folder> RUN_ID`. Standard input carries the run's specification as one JSON line, then the
server's answers; descriptor 3 takes our events; descriptor 4 stays open as long as the server lives.
"""

import os
import sys

# Run as a folder, Python puts the folder itself first; nothing of the caller's working directory is on the path.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from driver.main import main  # noqa: E402

main()
