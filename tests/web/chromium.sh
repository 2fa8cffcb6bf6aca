#!/bin/sh
# The browser that tests/web drives: Debian's own, installed where that can be done, and said loudly where not.
for name in "${LOGITSCOPE_CHROMIUM:-}" chromium chromium-browser google-chrome; do
  if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "Installing chromium for tests/web ..." >&2
  if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null 2>&1 ||
    { apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null 2>&1; }
  then exit 0; fi
fi
echo "There is no chromium here, and it could not be installed: tests/web/ will skip what needs a browser." >&2
echo "Install it (apt-get install chromium), or name one in LOGITSCOPE_CHROMIUM." >&2
