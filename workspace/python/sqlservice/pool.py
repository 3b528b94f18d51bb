"""Sessions for statements: made when needed (20 ms, and 10 ms for each table), kept for the same user's next statement."""

from __future__ import annotations

import threading
import time
from urllib.parse import quote

from localspark.session import LocalSparkSession

_IDLE_AT_MOST = 6
# Less than Sail keeps an idle session (a day).
_IDLE_SECONDS = 3600.0


class SessionPool:
    """A session serves one statement at a time."""

    def __init__(self) -> None:
        self._idle: list[tuple[float, tuple[str, str, str], LocalSparkSession]] = []
        self._keys: dict[int, tuple[str, str, str]] = {}
        self._lock = threading.Lock()

    def take(self, remote: str, warehouse: str, user: str) -> LocalSparkSession:
        key = (remote, warehouse, user)
        with self._lock:
            for index in reversed(range(len(self._idle))):
                since, its_key, session = self._idle[index]
                if its_key == key and time.monotonic() - since < _IDLE_SECONDS:
                    del self._idle[index]
                    return session
        options = f"/;user_agent=sql-warehouse;user_id={quote(user, safe='')}"
        session = LocalSparkSession(remote + options, warehouse)
        with self._lock:
            self._keys[id(session)] = key
        return session

    def give_back(self, session: LocalSparkSession, keep: bool) -> None:
        with self._lock:
            dropped = []
            if keep:
                self._idle.append((time.monotonic(), self._keys[id(session)], session))
                while len(self._idle) > _IDLE_AT_MOST:
                    dropped.append(self._idle.pop(0)[2])
            else:
                dropped.append(session)
            for each in dropped:
                self._keys.pop(id(each), None)
        for each in dropped:
            threading.Thread(target=each.stop, daemon=True).start()
