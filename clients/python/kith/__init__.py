"""Client of the Kith vector database.

  >>> import kith, numpy
  >>> with kith.Client("127.0.0.1", 7700) as client:
  ...     client.create("towns", dim=2, metric="l2")
  ...     client.upsert("towns", [1, 2], numpy.array([[0, 0], [3, 4]]), [{"name": "A"}, {"name": "B"}])
  ...     hits = client.search("towns", [3, 3], k=1, with_payloads=True)

All functions are methods of Client. They return the classes of results and raise KithError.
"""

from .client import Client
from .errors import Code, KithError
from .results import CollectionInfo, Collection, Damage, Hits, Point, RecallRung, Segment, Setting, Snapshot, Verified

__version__ = "0.1.0"
__all__ = ["Client", "Code", "Collection", "CollectionInfo", "Damage", "Hits", "KithError", "Point", "RecallRung", "Segment", "Setting", "Snapshot", "Verified"]
