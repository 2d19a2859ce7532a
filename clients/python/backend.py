"""Builds the wheel of this package (PEP 517) with the standard library alone, so that pip needs no
network to install it.

A wheel is a zip of the package and three files that describe it (PEP 427, "The Wheel Binary Package
Format").
"""

import base64
import hashlib
import pathlib
import re
import tarfile
import zipfile
from typing import Any, Dict, List, Optional

HERE = pathlib.Path(__file__).parent


def _project() -> Dict[str, str]:
    """The lines `key = "value"` of pyproject.toml, which has no other kind of line that is needed
    here."""
    return dict(re.findall(r'(?m)^([\w-]+) = "(.*)"$', (HERE / "pyproject.toml").read_text()))


def _files() -> List[pathlib.Path]:
    return sorted(p for p in (HERE / "kith").iterdir() if p.suffix == ".py" or p.name == "py.typed")


def _metadata(p: Dict[str, str]) -> str:
    head = {
        "Metadata-Version": "2.1",
        "Name": p["name"],
        "Version": p["version"],
        "Summary": p["description"],
        "License": "Apache-2.0",
        "Requires-Python": p["requires-python"],
        "Requires-Dist": "numpy",
        "Description-Content-Type": "text/markdown",
    }
    return "".join(f"{key}: {value}\n" for key, value in head.items()) + "\n" + (HERE / "README.md").read_text()


def build_wheel(wheel_directory: str, config_settings: Optional[Any] = None, metadata_directory: Optional[str] = None) -> str:
    p = _project()
    name = f"{p['name']}-{p['version']}"
    content = {f"kith/{f.name}": f.read_bytes() for f in _files()}
    content[f"{name}.dist-info/METADATA"] = _metadata(p).encode()
    content[f"{name}.dist-info/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: kith\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = f"{name}.dist-info/RECORD"
    lines = []
    for path, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}\n")
    content[record] = ("".join(lines) + f"{record},,\n").encode()
    wheel = f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / wheel, "w", zipfile.ZIP_DEFLATED) as z:
        for path, data in content.items():
            z.writestr(path, data)
    return wheel


def build_sdist(sdist_directory: str, config_settings: Optional[Any] = None) -> str:
    p = _project()
    name = f"{p['name']}-{p['version']}"
    with tarfile.open(pathlib.Path(sdist_directory) / f"{name}.tar.gz", "w:gz") as tar:
        for f in [HERE / "pyproject.toml", HERE / "backend.py", HERE / "README.md", *_files()]:
            tar.add(f, f"{name}/{f.relative_to(HERE)}")
    return f"{name}.tar.gz"
