# Quartermaster: what the scripts that change a whole system share; they run in Tests/Support/sandbox/in-overlay
# SPDX-License-Identifier: Apache-2.0

set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
DEBIAN_FRONTEND=noninteractive
# What invoke-rc.d asks for where there is no systemd to ask.
RUNLEVEL=5
export PATH LC_ALL DEBIAN_FRONTEND RUNLEVEL
daemons=/usr/lib/postfix/sbin

step() { echo "== $*"; }

fail() {
    echo "FAILED: $*"
    for log in /var/log/mail.log /var/log/quartermaster/quartermaster.log; do
        if [ -f "$log" ]; then
            echo "-- $log"
            tail -n 40 "$log"
        fi
    done
    ps ax -o pid,ppid,stat,args | head -50
    exit 1
}

# eventually COMMAND...: again and again until it succeeds, for half a minute.
eventually() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 900 ] || return 1
        sleep 0.1
    done
}

# Everything that an installation may touch, with modes, owners and sizes. Not what dpkg, caches and logs keep anyway.
snapshot() {
    find /etc /usr/local /usr/bin /usr/sbin /usr/lib/postfix /usr/lib/quartermaster /usr/share/quartermaster \
        /usr/share/man /usr/share/doc /usr/share/bash-completion /usr/share/zsh /usr/share/fish /usr/share/lintian \
        /lib/systemd /var/lib /var/spool /var/log \
        -path /var/lib/dpkg -prune -o -path /var/lib/systemd -prune -o -path '/etc/*-' -prune -o \
        -path /etc/ld.so.cache -prune -o -name '*.log' -prune -o \
        \( -type d -printf '%p %M %u %g\n' -o -printf '%p %M %u %g %s %l\n' \) 2>/dev/null | sort
}

same_as_before() {
    snapshot >/tmp/after
    diff /tmp/before /tmp/after >/tmp/difference || { cat /tmp/difference; fail "$1 leaves a trace"; }
}

# A Postfix that takes mail for local users, with a log file.
configure_postfix() {
    cat >/etc/postfix/main.cf <<END
compatibility_level = 3.6
myhostname = whole.example
mydestination = whole.example, localhost
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
alias_database =
mailbox_size_limit = 0
maillog_file = /var/log/mail.log
END
    id letters >/dev/null 2>&1 || useradd --system --no-create-home letters
    mkdir -p /var/mail
    newaliases 2>/dev/null || true
    mails=0
}

delivered() { grep -c '^From ' /var/mail/letters 2>/dev/null || true; }

has_delivered() { [ "$(delivered)" = "$1" ]; }

is_queue_empty() { postqueue -p | grep -q 'Mail queue is empty'; }

# Shows what a log should not have. That the kernel gives files a time of a second's turn ago is Postfix's own trouble.
unexpected() {
    grep -vE 'file system clock is|resetting file time stamps' "$1" |
        grep -E 'fatal|panic|warning|error:|status=deferred'
}

# Mail from the network and from a program of this machine arrives, each message once, and nothing is left behind.
carries_mail() {
    smtp-source -s 2 -m 20 -f sender@whole.example -t letters@whole.example inet:127.0.0.1:25 || fail "$1: smtp-source"
    echo hello | sendmail -f sender@whole.example letters@whole.example || fail "$1: sendmail"
    mails=$((mails + 21))
    eventually has_delivered $mails || fail "$1: $(delivered) of $mails messages were delivered"
    # A message is in the mailbox before it is taken from the queue.
    eventually is_queue_empty || fail "$1: mail is left in the queue"
    ! unexpected /var/log/mail.log || fail "$1: unexpected words in the log"
    echo "   $1: 21 messages delivered by $(running_master)"
}

# Mail from the network without a pause, until carried_steadily asks for its end.
send_steadily() {
    rm -f /tmp/enough /tmp/sent /tmp/send-failed
    wc -l </var/log/mail.log >/tmp/log.lines
    while [ ! -e /tmp/enough ]; do
        smtp-source -s 2 -m 20 -f sender@whole.example -t letters@whole.example inet:127.0.0.1:25 >/tmp/said 2>&1 ||
            { cp /tmp/said /tmp/send-failed; break; }
        echo >>/tmp/sent
    done &
    sender=$!
    eventually [ -s /tmp/sent ] || fail "no mail is accepted: $(cat /tmp/said)"
}

batches() { wc -l </tmp/sent; }
has_sent_more() { [ "$(batches)" -gt $((batches_before + 1)) ] || [ -e /tmp/send-failed ]; }

# Mail came before, during and after something: every message was accepted, and is delivered once.
carried_steadily() {
    batches_before=$(batches)
    eventually has_sent_more || fail "$1: no mail comes any more"
    touch /tmp/enough
    wait $sender
    [ ! -e /tmp/send-failed ] || fail "$1: a message was not accepted: $(cat /tmp/send-failed)"
    mails=$((mails + 20 * $(batches)))
    eventually has_delivered $mails || fail "$1: $(delivered) of $mails messages were delivered"
    tail -n +$(($(cat /tmp/log.lines) + 1)) /var/log/mail.log >/tmp/log.since
    ! unexpected /tmp/log.since || fail "$1: unexpected words in the log"
    echo "   $1: $((20 * $(batches))) messages delivered meanwhile"
}

master_pid() { tr -d ' ' </var/spool/postfix/pid/master.pid; }

# Whose program runs; a replaced file does not count.
running_master() {
    if grep -q swift "/proc/$(master_pid)/exe"; then echo ours; else echo "Postfix's"; fi
}

runs() { postfix status >/dev/null 2>&1; }

# dpkg has the index of manual pages made anew whenever one of them comes or goes; that takes most of the time of an
# installation, and is not ours.
rm -f /var/lib/man-db/auto-update
# The images of containers come with a file that keeps services from being started; this is a machine that starts them.
rm -f /usr/sbin/policy-rc.d
