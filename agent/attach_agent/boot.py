"""The first code of live-attach that runs inside a target: it opens the rendezvous and leaves.

The operator sends the *source* of this module with a call of `boot` below it, so this file stands alone: it imports
nothing of the agent, and what it needs of the standard library are C modules, fetched without asking any import hook
of the target.

What it makes: a memfd whose name is the mark by which operators find an attached process, a pair of connected
SOCK_SEQPACKET sockets, and one native thread that waits on the inner one. An operator takes a copy of the outer one
with pidfd_getfd(2), which the kernel allows to whoever may ptrace the process, and sends one end of a fresh socket
pair over it (SCM_RIGHTS, unix(7)): that is the channel. Nothing listens, so there is nothing to protect.
"""

SOL_SOCKET = 1
SO_PASSCRED = 16
SCM_RIGHTS = 1
SCM_CREDENTIALS = 2
MSG_CMSG_CLOEXEC = 0x40000000
MSG_NOSIGNAL = 0x4000  # a target may have SIGPIPE at its deadly default
F_DUPFD_CLOEXEC = 1030
IDLE_SECONDS = 60.0
LARGEST_AGENT = 1 << 26


def boot(mark, protocol, version, start):
    """Open the rendezvous of this process, or do nothing if it is open already.

    `mark` is the memfd's name, `start` the process's start time as the operator reads it in /proc/PID/stat, by which
    a forked child that inherits all this is told from its parent. Errors leave the process as it was and propagate.
    """
    import sys

    modules = sys.modules
    external = modules["_frozen_importlib_external"]
    frozen = modules["_frozen_importlib"]

    own = {}

    def get(name):
        """A C module, whatever the target did to its import system (PathFinder is asked, sys.meta_path is not).

        One that the target has not imported is ours alone, and does not stay in sys.modules.
        """
        if name in own:
            return own[name]
        module = modules.get(name)
        if type(module) is type(sys) and getattr(module, "__spec__", None) is not None:
            return module
        for finder in (frozen.BuiltinImporter, frozen.FrozenImporter, external.PathFinder):
            spec = finder.find_spec(name)
            if spec is not None:
                break
        else:
            raise ImportError("no module named " + name)
        absent = object()
        before = modules.get(name, absent)
        # os.fork takes this lock too: a child that was forked in the middle of a dlopen could never load anything
        frozen._imp.acquire_lock()
        try:
            own[name] = frozen._load(spec)
            return own[name]
        finally:
            frozen._imp.release_lock()
            if before is not absent:
                modules[name] = before
            else:
                modules.pop(name, None)

    def native(module, *names):
        """The first of these functions that is C's own: gevent and eventlet put others into ``_thread`` itself."""
        for name in names:
            function = getattr(module, name, None)
            if type(function) is type(len):
                return function
        raise ImportError("%s.%s was replaced: native threads are out of reach" % (module.__name__, names[0]))

    posix = get("posix")
    socket = get("_socket")
    struct = get("_struct")
    thread = get("_thread")
    # To import it where nobody has, as where a program embeds Python without signals (Py_InitializeEx(0)), would have
    # SIGINT raise KeyboardInterrupt from then on instead of ending the program (Modules/signalmodule.c).
    # Threads of a borrowed one have their signals blocked without it (attach/inject/borrowing.py).
    signal = "_signal" in modules and get("_signal")
    start_thread = native(thread, "start_new_thread", "start_new")

    def above_stdio(fd):
        """Descriptors 0-2 are where a target that closed them prints: never let that land in the channel."""
        if fd > 2:
            return fd
        moved = get("fcntl").fcntl(fd, F_DUPFD_CLOEXEC, 3)
        posix.close(fd)
        return moved

    def receive(sock, size):
        parts = []
        while size:
            part = sock.recv(min(size, 65536))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def settle():
        """Show as live-attach in ``top -H``, and leave the process's signals to its own threads."""
        try:
            tid = thread.get_native_id()
            state["threads"].add(tid)
            if signal:
                # PEP 475 code in the main thread waits for its signals: the kernel must not choose our threads for
                # them. Faults stay unblocked, for faulthandler; 32 and 33 are glibc's own.
                faults = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP)
                signal.pthread_sigmask(signal.SIG_BLOCK, [n for n in range(1, 65) if n not in faults + (32, 33)])
            fd = posix.open("/proc/thread-self/comm", posix.O_WRONLY | posix.O_CLOEXEC)
            try:
                posix.write(fd, b"live-attach")
            finally:
                posix.close(fd)
        except (OSError, ImportError, ValueError):
            pass

    def serve():
        """Hand out channels until the rendezvous is closed, or until nobody has needed it for a minute."""
        settle()
        try:
            while True:
                try:
                    _, ancillary, _, _ = inner.recvmsg(16, 96, MSG_CMSG_CLOEXEC)
                except socket.timeout:
                    if state["channels"] or (state["agent"] and state["agent"].busy()):
                        continue
                    return
                if not ancillary:  # end of file; even an empty message would carry credentials
                    return
                admit(ancillary)
        except OSError:
            pass
        finally:
            agent = state["agent"]
            close()
            if agent:
                agent.close()
            close_all()
            state["threads"].discard(thread.get_native_id())

    def admit(ancillary):
        descriptors = []
        uid = None
        for level, kind, data in ancillary:
            if level == SOL_SOCKET and kind == SCM_RIGHTS:
                descriptors.extend(struct.unpack("%di" % (len(data) // 4), data))
            elif level == SOL_SOCKET and kind == SCM_CREDENTIALS:
                uid = struct.unpack("iii", data)[1]
        # A worker that dropped its privileges holds the outer end too, by fork: the kernel vouches for the sender.
        if len(descriptors) == 1 and uid in (0, posix.geteuid()):
            try:
                start_thread(channel, (descriptors[0],))
                return
            except BaseException:  # no thread to be had: the closed channel tells the operator
                pass
        for descriptor in descriptors:
            posix.close(descriptor)

    def channel(fd):
        sock = socket.socket(-1, -1, -1, above_stdio(fd))
        state["channels"].add(sock)
        try:
            settle()
            agent = state["agent"]
            hello = "live-attach %d %s %d %s %d %d %s %d\n" % (
                protocol,
                version,
                sys.hexversion,
                sys.implementation.name,
                posix.getpid(),
                start,
                external.MAGIC_NUMBER.hex(),
                agent is not None,
            )
            sock.sendall(hello.encode(), MSG_NOSIGNAL)
            if agent is None:
                agent = load(sock)
            agent.serve(sock)
        except (EOFError, OSError):
            pass
        except BaseException as error:  # the operator's to hear, nobody else's
            try:
                text = ("error %s: %s" % (type(error).__name__, error)).replace("\n", " ")[:4000] + "\n"
                sock.sendall(text.encode("utf-8", "replace"), MSG_NOSIGNAL)
            except BaseException:
                pass
        finally:
            state["channels"].discard(sock)
            state["threads"].discard(thread.get_native_id())
            sock.close()

    def load(sock):
        size = struct.unpack("!I", receive(sock, 4))[0]
        if size > LARGEST_AGENT:
            raise ValueError("an agent of %d bytes" % size)
        parts = get("marshal").loads(receive(sock, size))
        with state["lock"]:
            if state["agent"] is None:
                namespace = {"__name__": "attach_agent.loader"}
                source, code, _ = parts["attach_agent.loader"]
                exec(code or compile(source, "<live-attach>/loader.py", "exec"), namespace)
                state["agent"] = namespace["load"](parts, get, native, state)
        sock.sendall(b"ok\n", MSG_NOSIGNAL)
        return state["agent"]

    def close():
        """End the rendezvous: from here on the process is not attached, and a new `boot` may come."""
        if sys.__dict__.get("_live_attach") is state:
            del sys.__dict__["_live_attach"]
        try:
            inner.shutdown(2)  # wakes `serve`, which closes the descriptors: closed under it they could be reused
        except OSError:
            pass

    def close_all():
        while descriptors:
            descriptors.pop()()

    descriptors = []
    state = {
        "pid": posix.getpid(),
        "start": start,
        "channels": set(),
        "threads": set(),
        "agent": None,
        "lock": native(thread, "allocate_lock", "allocate")(),
        "close": close,
        "close_all": close_all,
    }
    present = sys.__dict__.get("_live_attach")
    if present is not None and (present["pid"], present["start"]) != (state["pid"], start):
        del sys.__dict__["_live_attach"]  # inherited over fork(2): the parent's, of no use here
        present["close_all"]()
        if present["agent"]:
            present["agent"].after_fork()
    # in one step: two ways of injection may come at the same time
    if sys.__dict__.setdefault("_live_attach", state) is not state:
        return
    try:
        memfd = above_stdio(posix.memfd_create(mark))
        descriptors.append(lambda: posix.close(memfd))
        inner, outer = [
            socket.socket(-1, -1, -1, above_stdio(end.detach()))
            for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ]
        descriptors.extend((inner.close, outer.close))
        inner.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
        inner.settimeout(IDLE_SECONDS)
        start_thread(serve, ())
        # the last step: whoever can read this may connect
        posix.write(memfd, ("%d %s %d %d %d\n" % (protocol, version, posix.getpid(), start, outer.fileno())).encode())
    except BaseException:
        sys.__dict__.pop("_live_attach", None)
        close_all()
        raise
