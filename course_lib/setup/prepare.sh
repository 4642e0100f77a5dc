#!/bin/sh
# Prepare the environment in .venv: `sh course_lib/setup/prepare.sh core` (or `test`, `book`).
# This part finds a Python that really runs and fits; environment.py, beside it, does the rest.
# Only shell built-ins are used here, so that it can also speak on a machine that lacks everything.
#   PYTHON       use this interpreter and no other
#   TORCH_INDEX  an additional package index for pip, such as the one with PyTorch for CPUs only

cd "${0%/*}/../.." || exit 1
extra=$1

say() {  # the message in Korean, the message in English
    printf '\n%s\n%s\n\n' "$1" "$2" >&2
}

# Nothing to do is the common case; it must take no time.
if [ -z "$PYTHON" ] && [ -x .venv/bin/python ] \
    && .venv/bin/python -I course_lib/setup/environment.py "$extra" --ready </dev/null 2>/dev/null; then
    exit 0
fi

if [ -n "$PYTHON" ]; then
    set -- "$PYTHON"
else
    set -- python3.13 python3.12 python3.11 python3 python
fi

chosen='' old='' new='' bare=''
for candidate in "$@"; do
    # A name on the PATH proves nothing (pyenv's and macOS's stand-ins fail when run): ask it for its version.
    version=$("$candidate" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' </dev/null 2>/dev/null) ||
        version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' </dev/null 2>/dev/null) ||
        continue
    case $version in
    3.11 | 3.12 | 3.13)
        # Debian and Ubuntu ship Python without the module that puts pip into a new environment.
        if "$candidate" -I -c 'import ensurepip, venv' </dev/null 2>/dev/null; then
            chosen=$candidate
            break
        fi
        bare=${bare:-$version}
        ;;
    2.* | 3.[0-9] | 3.10) old=${old:-$version} ;;
    3.* | [4-9].*) new=${new:-$version} ;;
    esac
done

if [ -n "$chosen" ]; then
    exec "$chosen" -I course_lib/setup/environment.py "$extra"
elif [ -n "$bare" ]; then
    say "Python $bare에 가상 환경을 만드는 모듈(venv, ensurepip)이 없습니다. Debian과 Ubuntu에서는 'sudo apt install python$bare-venv'로 설치한 뒤 다시 실행해 주십시오." \
        "Python $bare is here without the modules that make a virtual environment (venv, ensurepip); on Debian and Ubuntu install them with 'sudo apt install python$bare-venv', then run this again."
elif [ -n "$old" ]; then
    say "Python $old은(는) 너무 오래된 버전입니다. Python 3.11, 3.12, 3.13 가운데 하나를 설치하고, 이름이 다르면 PYTHON=<경로>를 붙여 다시 실행해 주십시오." \
        "Python $old is too old; install Python 3.11, 3.12 or 3.13, and run this again (with PYTHON=<its path> if it has another name)."
elif [ -n "$new" ]; then
    say "Python $new은(는) 아직 지원하지 않는 새 버전입니다. Python 3.11, 3.12, 3.13 가운데 하나를 함께 설치하고, 이름이 다르면 PYTHON=<경로>를 붙여 다시 실행해 주십시오." \
        "Python $new is too new for the pinned packages; install Python 3.11, 3.12 or 3.13 beside it, and run this again (with PYTHON=<its path> if it has another name)."
elif [ -n "$PYTHON" ]; then
    say "PYTHON=$PYTHON을(를) 실행할 수 없습니다. Python 3.11, 3.12 또는 3.13의 경로를 주십시오." \
        "PYTHON=$PYTHON does not run; give the path of a Python 3.11, 3.12 or 3.13."
else
    say "실행되는 Python을 찾지 못했습니다. Python 3.11, 3.12, 3.13 가운데 하나를 설치하거나, 설치된 곳을 PYTHON=<경로>로 알려 주십시오." \
        "No Python that runs was found; install Python 3.11, 3.12 or 3.13, or say where it is with PYTHON=<its path>."
fi
exit 1
