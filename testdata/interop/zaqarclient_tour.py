"""Takes OpenStack's own client through API v1.0 or v1.1 of a server.

    /usr/bin/python3 zaqarclient_tour.py http://127.0.0.1:8888 1
    /usr/bin/python3 zaqarclient_tour.py http://127.0.0.1:8888 1.1

Needs python3-zaqarclient, as Debian has it (2.4), and a server without authentication, in admin mode: only there v1.1 has
a health report. Prints a line for each step that went as it should, and stops at the first that did not. The queues are its
own and are deleted at the end.

What the client 2.4 does wrong, or has no method for, and how the tour gets by, is said at the step.
"""
import sys
import uuid

from zaqarclient.queues import client
from zaqarclient.queues.v1 import core
from zaqarclient.transport import errors


def check(what, got, want):
    """Prints a step that gave what it should; ends the tour at another."""
    if got != want:
        sys.exit("FAILED  %s: got %r, want %r" % (what, got, want))
    print("ok  %s" % what)


def check_raises(what, error, call, *args, **kwargs):
    """Is check for a step that the server, or the client, has to refuse."""
    try:
        got = call(*args, **kwargs)
    except error:
        print("ok  %s" % what)
    else:
        sys.exit("FAILED  %s: got %r, want %s" % (what, got, error.__name__))


def connect(url, version, client_uuid=None):
    """Makes a client without authentication."""
    conf = {"auth_opts": {"backend": "noauth", "options": {"os_project_id": "tour"}}}
    if client_uuid:
        conf["client_uuid"] = client_uuid
    return client.Client(url, version=version, conf=conf)


def bodies(messages):
    return [m.body for m in messages]


def ids_of(posted):
    """Takes the IDs out of the answer to a post."""
    return [href.split("/")[-1] for href in posted["resources"]]


class Tour:
    def __init__(self, url, version):
        self.version = version
        # One client names itself with hyphens in its UUID, the other, by the client's default, without.
        self.writer = connect(url, version, str(uuid.uuid4()))
        self.reader = connect(url, version)
        self.name = "tour-" + uuid.uuid4().hex

    def below(self):
        """Gives the first two arguments of the client's lower layer."""
        req, trans = self.writer._request_and_transport()
        return trans, req

    def run(self):
        self.service()
        self.queues()
        self.metadata()
        self.messages()
        self.deletes()
        self.claims()
        self.pop()
        self.end()

    def service(self):
        check("health", self.writer.health(), True)

    def queues(self):
        """Makes the queue of the tour. In v1.1 a client makes none until it posts, unless it is forced to."""
        absent = self.writer.queue("absent-" + self.name, auto_create=False)
        if self.version == 1:
            check("a queue that is not there does not exist", absent.exists(), False)
            check_raises("stats of a queue that is not there", errors.ResourceNotFound, lambda: absent.stats)
            check_raises("a post to a queue that is not there", errors.ResourceNotFound, absent.post, {"ttl": 60, "body": 1})
        else:
            check("stats of a queue that is not there", absent.stats["messages"]["total"], 0)
        self.q = self.writer.queue(self.name, force_create=True)
        self.seen = self.reader.queue(self.name, auto_create=False)
        self.q.ensure_exists(force_create=True)
        if self.version == 1:
            check("create, twice", self.seen.exists(), True)
        listed = self.reader.queues(limit=20, detailed=True, marker=self.name[:-1])
        check("list of queues", self.name in [q.name for q in listed.stream()], True)
        check("stats of an empty queue", self.q.stats, {"messages": {"claimed": 0, "free": 0, "total": 0}})

    def metadata(self):
        if self.version == 1:
            check("metadata of a new queue", self.q.metadata(), {})
            self.q.metadata(new_meta={"colour": "red", "Größe": [1, None]})
            # The client keeps what it has set, so the other one is asked.
            check("set metadata", self.seen.metadata(), {"colour": "red", "Größe": [1, None]})
            self.q.metadata(new_meta={})
            check("clear metadata", self.seen.metadata(force_reload=True), {})
            return
        # The client has no method that creates a queue of v1.1 with metadata, though the API has; the layer below has one.
        name = "meta-" + self.name
        core.queue_create(*self.below(), name, metadata={"colour": "red"})
        q = self.reader.queue(name, auto_create=False)
        check("create with metadata", q.metadata(), {"colour": "red"})
        q.delete()
        check("metadata of a queue that is gone", q.metadata(force_reload=True), {})

    def messages(self):
        posted = self.q.post([{"ttl": 300, "body": {"n": n}} for n in range(5)])
        self.ids = ids_of(posted)
        check("post of five", len(set(self.ids)), 5)
        if self.version == 1:
            check("post is never partial", posted["partial"], False)
        else:
            one = ids_of(self.q.post({"body": "brief"}))
            check("post without a TTL", self.seen.message(one[0]).ttl, 3600)
            self.q.delete_messages(*one)
        check_raises("post with a TTL that is too short", errors.MalformedRequest, self.q.post, {"ttl": 59, "body": 1})

        m = self.seen.message(self.ids[2])
        check("get a message", (m.body, m.ttl, m.claim_id), ({"n": 2}, 300, None))
        # The client asks for IDs by repeating the parameter.
        check("get messages by IDs", bodies(self.seen.messages(self.ids[4], self.ids[0])), [{"n": 4}, {"n": 0}])
        check("list", bodies(self.seen.messages()), [{"n": n} for n in range(5)])
        check("list, without one's own", bodies(self.q.messages()), [])
        check("list with echo", len(bodies(self.q.messages(echo=True))), 5)
        check("list page after page", bodies(self.seen.messages(limit=2).stream()), [{"n": n} for n in range(5)])
        check_raises("list of too many", errors.MalformedRequest, self.seen.messages, limit=21)
        stats = self.seen.stats["messages"]
        check("stats", (stats["free"], stats["claimed"], stats["total"]), (5, 0, 5))
        check("stats name the oldest", stats["oldest"]["href"].split("/")[-1], self.ids[0])

    def deletes(self):
        self.seen.message(self.ids[0]).delete()
        check_raises("delete", errors.ResourceNotFound, self.seen.message, self.ids[0])
        self.q.delete_messages(self.ids[1], self.ids[2], "nonexistent")
        check("delete by IDs", bodies(self.seen.messages()), [{"n": 3}, {"n": 4}])
        # Where all IDs are gone v1.0 answers 204. The client 2.4 makes of that an iterator over None, which breaks at its
        # first step; so the tour looks into it.
        if self.version == 1:
            check("get by IDs what is gone", self.seen.messages(self.ids[0])._listing_response, None)
        else:
            check_raises("get by IDs what is gone", errors.ResourceNotFound, self.seen.messages, self.ids[0])

    def claims(self):
        # Without values the client sends null for TTL and grace, which no server takes: both are always given.
        claim = self.seen.claim(ttl=600, grace=100, limit=1)
        held = list(claim)
        check("claim", (bodies(held), held[0].ttl, claim.ttl), ([{"n": 3}], 700, 600))
        check("a claimed message names its claim", held[0].claim_id, claim.id)
        check("list, without what is claimed", bodies(self.seen.messages()), [{"n": 4}])
        check("list with what is claimed", len(bodies(self.seen.messages(include_claimed=True))), 2)
        check("stats count what is claimed", self.q.stats["messages"]["claimed"], 1)

        claim.update(ttl=120, grace=60)
        # A claim that is made of its ID fetches itself.
        fetched = self.q.claim(id=claim.id)
        check("update a claim", (fetched.ttl, bodies(fetched), 0 <= fetched.age <= 60), (120, [{"n": 3}], True))
        check_raises("update a claim to a TTL that is too short", errors.MalformedRequest, claim.update, ttl=59, grace=60)
        # The client deletes a message that it got from a claim with that claim; without it only the layer below does.
        check_raises("delete what is claimed, without the claim", errors.ForbiddenError,
                     core.message_delete, *self.below(), self.name, self.ids[3])

        claim.delete()
        check_raises("release", errors.ResourceNotFound, lambda: claim.age)
        check_raises("delete with a claim that is gone", errors.MalformedRequest, held[0].delete)
        again = list(self.seen.claim(ttl=60, grace=60))
        check("claim what was released", [m._id for m in again], self.ids[3:])
        check("claim when there is nothing", bodies(self.q.claim(ttl=60, grace=60)), [])
        for m in again:
            m.delete()
        check("delete with the claim", self.q.stats["messages"]["total"], 0)

    def pop(self):
        if self.version == 1:
            return
        self.q.post([{"ttl": 60, "body": n} for n in range(3)])
        first = self.seen.pop(count=2)
        check("pop", bodies(first), [0, 1])
        rest = list(self.seen.pop(count=2))
        check("pop the rest", [(m.body, m.claim_count, m.href) for m in rest], [(2, 0, None)])
        check("pop when there is nothing", bodies(self.seen.pop()), [])

    def end(self):
        self.q.delete()
        self.q.delete()
        if self.version == 1:
            check("delete a queue, twice", self.seen.exists(), False)
        else:
            left = self.reader.queues(limit=20, marker=self.name[:-1])
            check("delete a queue, twice", self.name in [q.name for q in left.stream()], False)


if __name__ == "__main__":
    Tour(sys.argv[1], {"1": 1, "1.1": 1.1}[sys.argv[2]]).run()
