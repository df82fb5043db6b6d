/*===----------------------------------------------------------------------===
 * Quartermaster: a child of master that behaves well, or badly in one way
 * SPDX-License-Identifier: Apache-2.0
 *===----------------------------------------------------------------------===*/

/*
 * What it does is an argument of its line in master.cf, `mode=<word>`:
 *
 *   serve         accepts, reads a line, answers "<pid> <line>", closes; after the line "shut down", it does that to
 *                 its listener
 *                 its listener; at SIGUSR1, to its status channel
 *   crash         exit status 3 at once
 *   unblock       makes its first listener one that waits, for all who have it; exit status 3 at once
 *   exit          exit status 0 at once, without a request, until the file named by flag=<path> exists;
 *                 makes that file; serves when it exists
 *   gated         takes a byte from the FIFO named by gate=<path> before it serves
 *   mortal        serves one client, and ends with status 3
 *   hang          never accepts, never ends by itself
 *   busy          says TAKEN, and then the same
 *   stubborn      serves, ignores SIGTERM and the end of the status channel
 *   garbage       sends bytes that are no status records, then serves
 *   partial       sends five bytes as a status record, then serves
 *   dead          sends records of another generation, then serves
 *   foreign       sends a record about its parent and one with an unknown status, then serves
 *   flood         sends records=<number> of each kind that master does not know what to do with, then serves
 *   argv          answers with its arguments and GENERATION instead
 *   stall         (datagrams) never reads
 *
 * It also starts another program in adverse circumstances, `<word> <program> <arguments>`:
 *
 *   start-blocked    with every signal blocked
 *   start-closed     with descriptors 0 to 2 closed
 *   start-limited    with room for 150 descriptors, for ever
 *   start-offered    as a service manager does that hands over descriptors: 3 listens on port OFFER_PORT of loopback,
 *                    4 on the path OFFER_PATH, 5 is a socket that does not listen or, with OFFER_UDP, a UDP socket
 *                    of all addresses on that port, 6 is none; 7 is a stray
 *   start-again      the same, and starts the program again, with the same sockets, each time it is killed by SIGKILL
 *
 * It serves until the status channel ends, as the children of master do. A busy child says TAKEN before and AVAIL
 * after each request.
 */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { status_fd = 5, first_listener = 6, longest_line = 4096 };

struct record {
    int32_t pid;
    uint32_t generation;
    int32_t availability;
};

static int argument_count;
static char **arguments;
static int stubborn;
static int mortal;
/* For a client's line, in milliseconds. */
static int patience = 300000;

static const char *argument(const char *name) {
    size_t length = strlen(name);
    for (int i = 1; i < argument_count; i++)
        if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=') return arguments[i] + length + 1;
    return NULL;
}

static int socket_count(void) {
    for (int i = 1; i + 1 < argument_count; i++)
        if (strcmp(arguments[i], "-s") == 0) return atoi(arguments[i + 1]);
    return 1;
}

static uint32_t generation(void) {
    const char *text = getenv("GENERATION");
    return text ? (uint32_t)strtoul(text, NULL, 8) : 0;
}

/* False: master is gone, or has opened another channel. */
static int say(int32_t pid, uint32_t life, int32_t availability) {
    struct record record = {pid, life, availability};
    return write(status_fd, &record, sizeof record) == (ssize_t)sizeof record;
}

static void end_channel(int number) {
    (void)number;
    shutdown(status_fd, SHUT_WR);
}

/* Whether the line was "shut down". */
static int answer(int client, int tells_arguments) {
    char line[longest_line], reply[longest_line * 2];
    size_t length = 0;
    struct pollfd input = {client, POLLIN, 0};
    while (length + 1 < sizeof line && poll(&input, 1, patience) == 1) {
        ssize_t count = read(client, line + length, sizeof line - 1 - length);
        if (count <= 0) break;
        length += (size_t)count;
        if (line[length - 1] == '\n') break;
    }
    line[length] = 0;
    int size = snprintf(reply, sizeof reply, "%d %s", (int)getpid(), line);
    if (tells_arguments) {
        size = snprintf(reply, sizeof reply, "GENERATION=%s", getenv("GENERATION") ? getenv("GENERATION") : "");
        for (int i = 0; i < argument_count; i++)
            size += snprintf(reply + size, sizeof reply - (size_t)size, " %s", arguments[i]);
        size += snprintf(reply + size, sizeof reply - (size_t)size, "\n");
    }
    if (length > 0 && write(client, reply, (size_t)size) != size) exit(4);
    close(client);
    return strcmp(line, "shut down\n") == 0;
}

static void serve(int tells_arguments) {
    int listeners = socket_count();
    signal(SIGUSR1, end_channel);
    struct pollfd watched[65];
    if (listeners > 64) exit(5);
    for (int i = 0; i < listeners; i++) watched[i] = (struct pollfd){first_listener + i, POLLIN, 0};
    watched[listeners] = (struct pollfd){status_fd, POLLIN, 0};
    for (;;) {
        if (poll(watched, (nfds_t)(stubborn ? listeners : listeners + 1), -1) < 0) {
            if (errno == EINTR) continue;
            exit(6);
        }
        for (int i = 0; i < listeners; i++) {
            if (!(watched[i].revents & POLLIN)) continue;
            int client = accept(first_listener + i, NULL, NULL);
            if (client < 0) continue;
            fcntl(client, F_SETFL, 0);
            int heard = say(getpid(), generation(), 0);
            if (answer(client, tells_arguments)) shutdown(first_listener + i, SHUT_RDWR);
            if (!(say(getpid(), generation(), 1) && heard) && !stubborn) exit(0);
            if (mortal) exit(3);
        }
        if (!stubborn && watched[listeners].revents) exit(0);
    }
}

/* False: master is gone, or the gate was not opened for five minutes. */
static int pass_gate(const char *path) {
    struct pollfd watched[] = {{open(path, O_RDWR | O_NONBLOCK), POLLIN, 0}, {status_fd, POLLIN, 0}};
    char byte;
    while (poll(watched, 2, 300000) > 0 && !watched[1].revents)
        /* Another child may have been faster. */
        if (read(watched[0].fd, &byte, 1) == 1) return close(watched[0].fd) == 0;
    return 0;
}

/* False: something was in the way. */
static int offer(void) {
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(getenv("OFFER_PORT")))};
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    int datagrams = getenv("OFFER_UDP") != NULL;
    int made[] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_UNIX, SOCK_STREAM, 0),
                  socket(AF_INET, datagrams ? SOCK_DGRAM : SOCK_STREAM, 0),
                  open("/dev/null", O_RDONLY), open("/dev/null", O_RDONLY)};
    port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_in all = port;
    all.sin_addr.s_addr = htonl(INADDR_ANY);
    if (datagrams && bind(made[2], (struct sockaddr *)&all, sizeof all) == -1) return 0;
    strncpy(path.sun_path, getenv("OFFER_PATH"), sizeof path.sun_path - 1);
    if (bind(made[0], (struct sockaddr *)&port, sizeof port) == -1 || listen(made[0], 5) == -1) return 0;
    if (bind(made[1], (struct sockaddr *)&path, sizeof path) == -1 || listen(made[1], 5) == -1) return 0;
    for (int i = 0; i < 5; i++) made[i] = fcntl(made[i], F_DUPFD, 20);
    for (int i = 0; i < 5; i++) dup2(made[i], 3 + i);
    for (int i = 0; i < 5; i++) close(made[i]);
    return setenv("LISTEN_FDS", "4", 1) == 0;
}

static int accept_offer(void) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    return setenv("LISTEN_PID", pid, 1) == 0;
}

static volatile pid_t managed;

static void pass_on(int number) {
    if (managed > 0) kill(managed, number);
}

static void manage(char **command) {
    int status = 0;
    signal(SIGTERM, pass_on);
    do {
        managed = fork();
        if (managed == -1) exit(11);
        if (managed == 0) {
            signal(SIGTERM, SIG_DFL);
            if (accept_offer()) execv(command[0], command);
            _exit(12);
        }
        while (waitpid(managed, &status, 0) == -1 && errno == EINTR) continue;
    } while (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    exit(0);
}

/* Returns only when there is no such word, or no such program. */
static void start_another(const char *word, char **command) {
    if (strcmp(word, "start-blocked") == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
    } else if (strcmp(word, "start-closed") == 0) {
        for (int fd = 0; fd < 3; fd++) close(fd);
    } else if (strcmp(word, "start-limited") == 0) {
        struct rlimit limit = {150, 150};
        if (setrlimit(RLIMIT_NOFILE, &limit) == -1) return;
    } else if (strcmp(word, "start-offered") == 0) {
        if (!offer() || !accept_offer()) return;
    } else if (strcmp(word, "start-again") == 0) {
        if (!offer()) return;
        manage(command);
    } else {
        return;
    }
    execv(command[0], command);
}

int main(int argc, char **argv) {
    argument_count = argc;
    arguments = argv;
    if (argc > 2) start_another(argv[1], argv + 2);
    const char *mode = argument("mode");
    if (!mode) return 7;
    if (strcmp(mode, "crash") == 0) return 3;
    if (strcmp(mode, "unblock") == 0) {
        fcntl(first_listener, F_SETFL, 0);
        return 3;
    }
    if (strcmp(mode, "busy") == 0) say(getpid(), generation(), 0);
    if (strcmp(mode, "hang") == 0 || strcmp(mode, "stall") == 0 || strcmp(mode, "busy") == 0) {
        /* Killed with master, like any child; by itself it stays for five minutes. */
        struct pollfd channel = {status_fd, POLLIN, 0};
        return poll(&channel, 1, 300000) == 1 ? 0 : 8;
    }
    if (strcmp(mode, "exit") == 0) {
        int flag = open(argument("flag"), O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (flag >= 0) return 0;
    }
    if (strcmp(mode, "stubborn") == 0) {
        signal(SIGTERM, SIG_IGN);
        stubborn = 1;
        alarm(300);
    }
    mortal = strcmp(mode, "mortal") == 0;
    if (strcmp(mode, "garbage") == 0) {
        char bytes[35];
        memset(bytes, 0xa5, sizeof bytes);
        if (write(status_fd, bytes, sizeof bytes) < 0) return 9;
    }
    if (strcmp(mode, "partial") == 0) {
        int32_t pid = getpid();
        char bytes[5] = {0};
        memcpy(bytes, &pid, sizeof pid);
        if (write(status_fd, bytes, sizeof bytes) < 0) return 9;
    }
    if (strcmp(mode, "dead") == 0)
        for (int i = 0; i < 3; i++) say(getpid(), generation() + 1, i % 2);
    if (strcmp(mode, "foreign") == 0) {
        say(getppid(), generation(), 0);
        say(getpid(), generation(), 42);
    }
    if (strcmp(mode, "flood") == 0) {
        for (int i = atoi(argument("records")); i > 0; i--) {
            say(getpid(), generation(), 42);
            say(getpid(), generation() + 1, 1);
            say(getppid(), generation(), 0);
        }
    }
    if (strcmp(mode, "gated") == 0) {
        patience = 300000;
        if (!pass_gate(argument("gate"))) return 10;
    }
    serve(strcmp(mode, "argv") == 0);
    return 0;
}
