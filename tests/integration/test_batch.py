"""KLAVIYO_DELIVERY=batch: nothing is sent but by `worker --once`."""
import os
import re
import shutil
import subprocess
import time

from harness import TREE, Shop
from shop_kit import checkout, execute, fill_cart, one, order_of

BATCH = {"KLAVIYO_DELIVERY": "batch"}


def test_batches():
    with Shop("nginx", sandbox=True, env=BATCH) as shop:
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        order_of(checkout(visitor))
        run = shop.run("worker", check=False)
        # Which its unit does not start again and again.
        assert run.returncode == 2 and "worker --once" in run.stderr
        with open(os.path.join(TREE, "www", "storefront-worker.service")) as f:
            assert "\nRestartPreventExitStatus=2\n" in f.read()
        assert one(shop, "SELECT COUNT(sent_at) FROM klaviyo_outbox") == 0
        run = shop.run("doctor", check=False)
        assert "none yet" in run.stdout and run.returncode == 1
        assert shop.run("worker", "--once").stdout.startswith("2 sent")
        run = shop.run("doctor", check=False)
        assert re.search("ok +last batch", run.stdout)
        execute(shop, "UPDATE meta SET value = '1700000000' "
                "WHERE name = 'last batch'")
        run = shop.run("doctor", check=False)
        assert run.returncode == 1
        assert re.search("WRONG last batch: .* min ago", run.stdout)
        # 30 minutes are what Klaviyo asks for.
        for minutes, wrong in ((29, False), (31, True)):
            then = int(time.time()) - minutes * 60
            execute(shop, f"UPDATE meta SET value = '{then}' "
                    "WHERE name = 'last batch'")
            run = shop.run("doctor", "--offline", check=False)
            assert ("WRONG last batch" in run.stdout) is wrong, minutes
        then = int(time.time()) + 3600
        execute(shop, f"UPDATE meta SET value = '{then}' "
                "WHERE name = 'last batch'")
        run = shop.run("doctor", "--offline", check=False)
        assert re.search("WRONG last batch: .* ahead of this clock",
                         run.stdout)
        # In real time nobody asks for batches.
        run = shop.run("doctor", check=False,
                       env={"KLAVIYO_DELIVERY": "realtime"})
        assert "batch" not in run.stdout.split("\n\n", 1)[1]
        run = shop.run("doctor", check=False, env={"KLAVIYO_DELIVERY": "now"})
        assert "must be realtime, or batch" in run.stdout


def test_the_cron_line_runs(tmp_path):
    """The shipped line, with its shipped paths replaced, by the shell that
    cron uses."""
    with Shop("nginx", sandbox=True, env=BATCH) as shop:
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        order_of(checkout(visitor))
        line, = [line for line in open(os.path.join(
            TREE, "www", "storefront.cron")) if not line.startswith("#")]
        fields = line.split(None, 6)
        assert fields[:6] == ["*/15", "*", "*", "*", "*", "root"]
        drops = "setpriv --reuid storefront --regid storefront --init-groups "
        assert fields[6].count(drops) == 1
        settings = shop.write("worker.env", "".join(
            f"{name}={value}\n" for name, value in {
                **shop.env, **shop.secrets}.items()), 0o400)
        command = fields[6].replace("/etc/storefront/worker.env", settings) \
            .replace("/usr/local/bin", shop.binaries) \
            .replace("/var/lib/storefront", shop.dir) \
            .replace(drops, drops.replace("storefront", shop.user.pw_name)
                     if shop.user else "")
        done = subprocess.run(["/bin/sh", "-c", command], text=True, env={},
                              capture_output=True, cwd="/")
        assert done.returncode == 0 and done.stdout.startswith("2 sent")


def test_the_timer_is_as_often_as_the_cron_line():
    """Every 15 minutes, on time, also after the machine was off; and it runs
    what the cron line runs."""
    units = {}
    for name in ("storefront-batch.service", "storefront-batch.timer"):
        with open(os.path.join(TREE, "www", name)) as f:
            units[name] = dict(line.strip().split("=", 1) for line in f
                               if re.match(r"\w+=", line))
    timer = units["storefront-batch.timer"]
    assert timer["OnCalendar"] == "*:0/15" and timer["Persistent"] == "true"
    assert int(timer["AccuracySec"]) <= 60
    assert timer.get("Unit", "storefront-batch.service") == \
        "storefront-batch.service"
    assert units["storefront-batch.service"]["ExecStart"].endswith(
        "/storefront worker --once")


def test_the_units_are_understood():
    """systemd's own opinion of the shipped units, where systemd is."""
    analyze = shutil.which("systemd-analyze")
    for name in ("storefront.service", "storefront-worker.service",
                 "storefront-batch.service", "storefront-batch.timer"):
        path = os.path.join(TREE, "www", name)
        assert "[Unit]" in open(path).read()
        if analyze:
            done = subprocess.run([analyze, "verify", "--man=no", path],
                                  capture_output=True, text=True)
            wrong = [line for line in done.stderr.splitlines()
                     if name in line and "not executable" not in line
                     and "No such file" not in line]
            assert not wrong, wrong
