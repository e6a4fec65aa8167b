#!/bin/busybox sh
# The init process of the ISP's kernel (User-Mode Linux). Its root file system is the host's, read-only; everything
# that is written lives in memory. /dev/ttyS0 carries shell commands: one a line, each answered by its output and a
# line with its exit status. When that line is closed, the machine ends.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev 2>/dev/null
$b mkdir -p /dev/pts
$b mount -t devpts devpts /dev/pts
for folder in /run /etc/ppp /tmp; do
    $b mount -t tmpfs none $folder
done
modules=/usr/lib/uml/modules/$($b uname -r)/kernel
for module in lib/crc-ccitt net/ipv6/ipv6 drivers/net/slip/slhc drivers/net/ppp/ppp_generic drivers/net/ppp/ppp_async; do
    $b insmod $modules/$module.ko || echo "cannot load $module"
done
$b ip link set lo up
: >/etc/ppp/options
exec <>/dev/ttyS0 >&0 2>&0
$b stty raw -echo
echo "__ready"
while read -r line; do
    eval "$line"
    printf '\n__status=%d\n' $?
done
$b poweroff -f
