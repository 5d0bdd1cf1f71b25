#!/usr/bin/python3
"""The guest as a machine: boots it, saves its state, runs a job in it. QEMU in plain emulation, without KVM and network.

  machine.py save IMAGE STATE              boots the image, waits until it is ready, writes warm.qcow2 and warm.state to STATE
  machine.py run [OPTIONS] STATE JOB LOGS  runs the job of the disk image JOB in a disposable copy of the saved machine
      --boot        boots instead of resuming
      --reboots     the job may reboot the guest, and is started again after each boot
      --limit N     gives up after N seconds (default 3600)

`run` prints what the job says and exits with the job's code. A guest that ends without telling one has died: exit code 125.
Its console, its output, the seconds at which each line of that came (of the clock, of the host's processors) and, where the job
failed, its journal are then in LOGS.
"""

import argparse
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time

DIED = 125
JOB_MIB = 1024
BLANK_MIB = 4096
# Two machines run side by side, each on a processor of its own: a second virtual one would mostly wait for the first.
MEMORY_MIB = 2048
# What is only of use where others are to be kept out, or on bare metal, and dear in emulation: together a third of all time.
KERNEL = (
    "console=ttyS0 quiet loglevel=4 panic=-1 systemd.show_status=0 audit=0 apparmor=0 mitigations=off nokaslr "
    "init_on_alloc=0 transparent_hugepage=never randomize_kstack_offset=off hardened_usercopy=off"
)
PORTS = ("ctl", "out", "journal")


class GuestError(Exception):
    """The machine did something else than its part."""


def machine_arguments(image, root, job, blanks, sockets, console):
    """QEMU's command line. A saved state fits only the same devices, in the same order and of the same sizes."""
    arguments = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
        "-machine", "q35,sata=off", "-accel", "tcg,tb-size=512",
        # A newer processor costs seconds at each boot.
        "-cpu", "Nehalem", "-smp", "1", "-m", str(MEMORY_MIB),
        "-kernel", f"{image}/vmlinux", "-initrd", f"{image}/initrd.cpio",
        "-append", KERNEL,
        "-serial", f"file:{console}",
        "-drive", f"{root},if=none,id=root,cache=unsafe,discard=unmap",
        "-device", "virtio-blk-pci,drive=root,serial=root",
        "-drive", f"file={job},format=raw,if=none,id=job,cache=unsafe,snapshot=on",
        "-device", "virtio-blk-pci,drive=job,serial=job",
    ]
    for number, blank in enumerate(blanks, 1):
        arguments += [
            "-drive", f"file={blank},format=raw,if=none,id=blank{number},cache=unsafe,discard=unmap",
            "-device", f"virtio-blk-pci,drive=blank{number},serial=blank{number}",
        ]
    arguments += ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
    for port in PORTS:
        arguments += [
            "-chardev", f"socket,id={port},path={sockets[port]}",
            "-device", f"virtserialport,chardev={port},name=vm.{port}",
        ]
    return arguments + ["-chardev", f"socket,id=qmp,path={sockets['qmp']}", "-mon", "chardev=qmp,mode=control"]


class Machine:
    """A QEMU process, and the sockets it is connected to."""

    def __init__(self, image, root, job, directory, extra, logs):
        blanks = [make_blank(f"{directory}/blank{number}", BLANK_MIB) for number in (1, 2)]
        job = job or make_blank(f"{directory}/job", JOB_MIB)
        paths = {name: f"{directory}/{name}.sock" for name in (*PORTS, "qmp")}
        listeners = {name: listen(path) for name, path in paths.items()}
        arguments = machine_arguments(image, root, job, blanks, paths, f"{logs}/console.log") + extra
        environment = {**os.environ, "TMPDIR": directory}
        # It ends with this process, also when this process is killed.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *arguments], stdin=subprocess.DEVNULL, env=environment
        )
        self.sockets = {}
        for name, listener in listeners.items():
            self.sockets[name] = self.accept(listener)
        self.qmp = self.sockets["qmp"].makefile("rw", encoding="utf-8")
        self.events = []
        self.reply()
        self.command("qmp_capabilities")

    def accept(self, listener):
        """The connection that QEMU makes as it starts."""
        listener.settimeout(60)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            raise GuestError(f"QEMU did not start (exit status {self.process.poll()})") from None
        finally:
            listener.close()
        return connection

    def reply(self):
        """The next message of the monitor."""
        line = self.qmp.readline()
        if not line:
            raise GuestError("QEMU ended")
        return json.loads(line)

    def command(self, name, **arguments):
        """Runs a command of the monitor."""
        self.qmp.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.qmp.flush()
        while True:
            message = self.reply()
            if "error" in message:
                raise GuestError(f"{name}: {message['error']['desc']}")
            if "return" in message:
                return message["return"]
            self.events.append(message)

    def migrate(self, command, uri):
        """Saves or loads the state, and waits until that is done."""
        self.command("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        self.command(command, uri=uri)
        while True:
            event = self.events.pop(0) if self.events else self.reply()
            status = event.get("data", {}).get("status") if event.get("event") == "MIGRATION" else None
            if status == "completed":
                return
            if status == "failed":
                raise GuestError(f"{command} failed")

    def processor_seconds(self):
        """What it has taken of the host's processors until now."""
        try:
            with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
                user, system = stat.read().rpartition(")")[2].split()[11:13]
        except FileNotFoundError:
            return 0
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def end(self):
        """Switches it off."""
        self.process.kill()
        self.process.wait()


def make_blank(path, mebibytes):
    """A sparse file."""
    with open(path, "xb") as blank:
        blank.truncate(mebibytes << 20)
    return path


def listen(path):
    """A listening socket at a path."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    return listener


class Conversation:
    """What the guest says on its ports, until it ends or tells the job's exit code."""

    def __init__(self, machine, logs, on_ready):
        self.machine, self.on_ready = machine, on_ready
        self.code, self.pending, self.boots = None, b"", 0
        self.files = {name: open(f"{logs}/{name}.log", "wb") for name in ("out", "journal")}
        self.times, self.began, self.line = open(f"{logs}/times.log", "wb"), time.monotonic(), b""

    def listen(self, limit):
        """Serves the ports; the job's code, or None when the guest died."""
        try:
            self.serve(time.monotonic() + limit, limit)
        finally:
            self.drain()
        return self.code

    def serve(self, until, limit):
        """Takes what comes, until the job has ended or everything is closed."""
        with selectors.DefaultSelector() as selector:
            for name in (*PORTS, "qmp"):
                selector.register(self.machine.sockets[name], selectors.EVENT_READ, name)
            while self.code is None and selector.get_map():
                ready = selector.select(max(0, until - time.monotonic()))
                if not ready:
                    raise GuestError(f"the guest did not finish within {limit} seconds")
                for key, _ in ready:
                    if not self.take(key.data):
                        selector.unregister(key.fileobj)

    def take(self, name):
        """Takes what is there to be read from one port; false at its end."""
        try:
            data = self.machine.sockets[name].recv(1 << 16)
        except ConnectionResetError:
            return False
        if name == "ctl":
            self.control(data)
        elif name in self.files:
            self.write(name, data)
        return bool(data)

    def write(self, name, data):
        """Keeps what was said, and shows what the job says."""
        self.files[name].write(data)
        if name == "out":
            *lines, self.line = (self.line + data).split(b"\n")
            spent = (time.monotonic() - self.began, self.machine.processor_seconds())
            self.times.writelines(b"%7.1f %7.1f %s\n" % (*spent, line) for line in lines)
            self.times.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def control(self, data):
        """Follows the words of the guest's job.sh."""
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            word, *rest = line.decode().split()
            if word == "ready":
                self.boots += 1
                self.on_ready()
            elif word == "rc" and len(rest) == 1:
                self.code = int(rest[0])
            else:
                raise GuestError(f"the guest says {line!r}")

    def drain(self):
        """Takes what was written before the machine ended, and closes the files."""
        self.machine.end()
        for name, file in self.files.items():
            while self.take(name):
                pass
            file.close()
        self.times.close()


def go(machine):
    """Lets the job begin; the clock of a saved machine stands where it was saved."""
    machine.sockets["ctl"].sendall(f"go {time.time():.0f}\n".encode())


class Saved(Exception):
    """The guest was ready, and its state is on disk."""


def save(image, state):
    """Boots the image, waits until it is ready for a job, and saves the machine."""
    root = f"{state}/warm.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", f"{image}/root.img", "-F", "raw", root], check=True
    )

    def ready():
        machine.command("stop")
        machine.migrate("migrate", f"file:{state}/warm.state")
        machine.command("quit")
        machine.process.wait()
        raise Saved

    with tempfile.TemporaryDirectory(dir=state) as directory:
        machine = Machine(image, f"file={root},format=qcow2", None, directory, ["-no-reboot"], state)
        try:
            Conversation(machine, state, ready).listen(600)
            raise GuestError(f"the guest ended before it was ready; its console: {state}/console.log")
        except Saved:
            os.symlink(image, f"{state}/image")
        finally:
            machine.end()


def run(options):
    """Runs the job; the exit code for the shell."""
    image = os.path.realpath(f"{options.state}/image")
    # The copy is disposable: nothing that the guest writes stays.
    extra = ["-snapshot"]
    root = f"file={image}/root.img,format=raw"
    if not options.boot:
        root = f"file={options.state}/warm.qcow2,format=qcow2"
        extra += ["-incoming", "defer"]
    if not options.reboots:
        extra.append("-no-reboot")
    with tempfile.TemporaryDirectory(dir=options.scratch) as directory:
        machine = Machine(image, root, options.job, directory, extra, options.logs)
        try:
            conversation = Conversation(machine, options.logs, lambda: go(machine))
            if not options.boot:
                machine.migrate("migrate-incoming", f"file:{options.state}/warm.state")
                machine.command("cont")
                go(machine)
            code = conversation.listen(options.limit)
        finally:
            machine.end()
    if code is None:
        print("error: the guest died before its job ended", file=sys.stderr)
        return DIED
    return code


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("save")
    one.add_argument("image")
    one.add_argument("state")
    one = commands.add_parser("run")
    one.add_argument("--boot", action="store_true")
    one.add_argument("--reboots", action="store_true")
    one.add_argument("--limit", type=int, default=3600)
    one.add_argument("--scratch", default=None, help="where the guest's writes go; default: the system's temporary directory")
    one.add_argument("state")
    one.add_argument("job")
    one.add_argument("logs")
    return parser.parse_args()


def main():
    """Runs one command."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    try:
        if options.command == "save":
            save(os.path.realpath(options.image), os.path.realpath(options.state))
            return 0
        return run(options)
    except GuestError as error:
        print(f"error: {error}", file=sys.stderr)
        return DIED


if __name__ == "__main__":
    sys.exit(main())
