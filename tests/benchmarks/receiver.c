/* The endpoint of a benchmark: answers webhooks and writes a receipt of each into a mapped file.
 *
 * usage: receiver RECEIPTS EVENTS DELAY_US BUSY_EVERY REFUSE_EVERY [CERTIFICATE_PEM]
 *
 * Listens on a free port of 127.0.0.1, which it prints. One thread, epoll, HTTP/1.1 with keep-alive and
 * Content-Length. The event's number is what follows `"number":` in the body or `number=` in the query.
 * Events with number % BUSY_EVERY == 1 are answered 503 the first time, those with
 * number % REFUSE_EVERY == 2 always 400, all others 200; 0 switches a rule off. RECEIPTS has to exist:
 * its size decides how many receipts it holds. With a certificate (key and chain in one PEM) it speaks TLS
 * (built with -DTLS).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
static SSL_CTX *tls;
#endif

enum { ROOM = 16384, MOST_ROOM = 1 << 24, BATCH = 256, ASKED = 1, SETTLED = 2 };
#define UNKNOWN UINT32_MAX
#define NO_NUMBER_STATUS 200

struct row { uint32_t number, status; uint64_t arrived, answered; };
struct receipts {
    uint64_t requests, settled, rows, dropped, unknown, connections, at_once, most_at_once;
    struct row row[];
};
struct link {
    int fd, closing;
    unsigned owed;          /* answers that wait for their time */
    size_t held, room;      /* bytes in `in`, and its size */
    char *in;
#ifdef TLS
    SSL *ssl;
#endif
};
struct owed { uint64_t due; struct link *link; struct row *row; int close; };

static struct receipts *receipts;
static uint64_t capacity, delay, events, busy_every, refuse_every;
static uint8_t *states;
static struct owed *fifo;
static uint64_t fifo_room, fifo_head, fifo_tail;
static struct row spare;
static int poller;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void release(struct link *link) {
    if (link->fd >= 0) {
#ifdef TLS
        if (link->ssl) SSL_free(link->ssl);
#endif
        close(link->fd);
        link->fd = -1;
    }
    if (link->owed == 0) { free(link->in); free(link); }
}

static ssize_t take(struct link *link, char *to, size_t room) {
#ifdef TLS
    if (link->ssl) {
        ERR_clear_error();
        int got = SSL_read(link->ssl, to, (int)room);
        if (got > 0) return got;
        int why = SSL_get_error(link->ssl, got);
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
    }
#endif
    ssize_t got = read(link->fd, to, room);
    return got >= 0 ? got : errno == EAGAIN || errno == EINTR ? -1 : 0;
}

static int give(struct link *link, const char *from, size_t count) {
#ifdef TLS
    if (link->ssl) return SSL_write(link->ssl, from, (int)count) == (int)count;
#endif
    return write(link->fd, from, count) == (ssize_t)count;
}

static const char *answer_of(uint32_t status) {
    switch (status) {
    case 200: return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
    case 400: return "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno";
    case 503: return "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
                     "Content-Length: 4\r\n\r\nbusy";
    default:  return "HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n";
    }
}

/* Returns 0 where the link is gone. */
static int answer(struct link *link, struct row *row, int last) {
    const char *text = answer_of(row->status);
    if (link->fd < 0) return 0;
    row->answered = now();
    if (give(link, text, strlen(text)) && !last) return 1;
    link->closing = 1;
    return 0;
}

static uint32_t judge(uint32_t number) {
    if (number == UNKNOWN) return NO_NUMBER_STATUS;
    int asked = states[number] & ASKED;
    states[number] |= ASKED;
    if (refuse_every && number % refuse_every == 2 % refuse_every) return 400;
    return busy_every && !asked && number % busy_every == 1 % busy_every ? 503 : 200;
}

static uint32_t number_in(const char *text, size_t length, const char *name) {
    const char *at = memmem(text, length, name, strlen(name));
    if (!at) return UNKNOWN;
    uint64_t number = 0;
    const char *end = text + length, *digit = at + strlen(name);
    if (digit == end || *digit < '0' || *digit > '9') return UNKNOWN;
    for (; digit < end && *digit >= '0' && *digit <= '9'; digit++) number = number * 10 + (uint64_t)(*digit - '0');
    return number < events ? (uint32_t)number : UNKNOWN;
}

static struct row *receipt(uint32_t number, uint32_t status) {
    receipts->requests++;
    if (number == UNKNOWN) receipts->unknown++;
    struct row *row = &spare;
    if (receipts->rows < capacity) row = &receipts->row[receipts->rows];
    else receipts->dropped++;
    *row = (struct row){number, status, now(), 0};
    if (row != &spare) __atomic_store_n(&receipts->rows, receipts->rows + 1, __ATOMIC_RELEASE);
    return row;
}

static void settle(uint32_t number, uint32_t status) {
    if (number == UNKNOWN || status == 503 || states[number] & SETTLED) return;
    states[number] |= SETTLED;
    __atomic_store_n(&receipts->settled, receipts->settled + 1, __ATOMIC_RELEASE);
}

static void owe(struct link *link, struct row *row, int last) {
    if (fifo_tail - fifo_head == fifo_room) { fputs("too many requests wait for an answer\n", stderr); exit(1); }
    fifo[fifo_tail++ % fifo_room] = (struct owed){row->arrived + delay, link, row, last};
    link->owed++;
    if (++receipts->at_once > receipts->most_at_once) receipts->most_at_once = receipts->at_once;
}

static void pay(void) {
    uint64_t at = now();
    while (fifo_head != fifo_tail && fifo[fifo_head % fifo_room].due <= at) {
        struct owed *owed = &fifo[fifo_head++ % fifo_room];
        struct link *link = owed->link;
        link->owed--;
        receipts->at_once--;
        int alive = answer(link, owed->row, owed->close);
        settle(owed->row->number, owed->row->status);
        if (!alive) release(link);
    }
}

/* The value of a header in lower case, or NULL. `head` starts behind the request line. */
static const char *header(const char *head, const char *end, const char *name) {
    size_t length = strlen(name);
    while (head < end) {
        if (!strncasecmp(head, name, length) && head[length] == ':') {
            head += length + 1;
            while (*head == ' ') head++;
            return head;
        }
        head = memchr(head, '\n', (size_t)(end - head));
        if (!head) return NULL;
        head++;
    }
    return NULL;
}

/* Serves one request at `text` if it is whole. Returns its length, 0 if it is not, -1 where the link is gone. */
static ssize_t serve(struct link *link, char *text, size_t held) {
    char *line_end = memchr(text, '\n', held);
    char *end = line_end ? memmem(text, held, "\r\n\r\n", 4) : NULL;
    if (!end) return 0;
    const char *value = header(line_end + 1, end, "content-length");
    size_t head = (size_t)(end + 4 - text), body = value ? strtoul(value, NULL, 10) : 0;
    const char *connection = header(line_end + 1, end, "connection");
    int last = connection && !strncasecmp(connection, "close", 5);
    if (header(line_end + 1, end, "transfer-encoding")) {
        spare.status = 411;
        answer(link, &spare, 1);
        return -1;
    }
    if (held < head + body) return 0;
    uint32_t number = body ? number_in(text + head, body, "\"number\":")
                           : number_in(text, (size_t)(line_end - text), "number=");
    struct row *row = receipt(number, judge(number));
    if (delay) { owe(link, row, last); return (ssize_t)(head + body); }
    int alive = answer(link, row, last);
    settle(number, row->status);
    return alive ? (ssize_t)(head + body) : -1;
}

static int serve_all(struct link *link) {
    size_t done = 0;
    while (done < link->held) {
        ssize_t length = serve(link, link->in + done, link->held - done);
        if (length < 0) return 0;
        if (length == 0) break;
        done += (size_t)length;
    }
    link->held -= done;
    if (done && link->held) memmove(link->in, link->in + done, link->held);
    return 1;
}

static int hear(struct link *link) {
    for (;;) {
        if (link->held == link->room) {
            if (link->room >= MOST_ROOM || !(link->in = realloc(link->in, link->room *= 2))) return 0;
        }
        size_t room = link->room - link->held;
        ssize_t got = take(link, link->in + link->held, room);
        if (got == 0) return 0;
        if (got < 0) return 1;
        link->held += (size_t)got;
        if (!serve_all(link)) return 0;
#ifdef TLS
        if (link->ssl && SSL_pending(link->ssl)) continue;
#endif
        if ((size_t)got < room) return 1;
    }
}

static void welcome(int door) {
    int fd, one = 1;
    while ((fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct link *link = calloc(1, sizeof *link);
        if (!link || !(link->in = malloc(link->room = ROOM))) die("malloc");
        link->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
#ifdef TLS
        if (tls) {
            link->ssl = SSL_new(tls);
            SSL_set_fd(link->ssl, fd);
            SSL_set_accept_state(link->ssl);
        }
#endif
        struct epoll_event want = {.events = EPOLLIN, .data.ptr = link};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &want) < 0) die("epoll_ctl");
        receipts->connections++;
    }
}

static int open_door(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (door < 0 || bind(door, (struct sockaddr *)&at, size) < 0 || listen(door, 4096) < 0) die("listen");
    getsockname(door, (struct sockaddr *)&at, &size);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return door;
}

static void map_receipts(const char *path) {
    struct stat found;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) < 0) die(path);
    receipts = mmap(NULL, (size_t)found.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (receipts == MAP_FAILED) die("mmap");
    capacity = ((uint64_t)found.st_size - sizeof *receipts) / sizeof(struct row);
}

static void use_certificate(const char *path) {
#ifdef TLS
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(tls, path) == 1 &&
        SSL_CTX_use_PrivateKey_file(tls, path, SSL_FILETYPE_PEM) == 1)
        return;
    ERR_print_errors_fp(stderr);
#else
    fprintf(stderr, "%s: this receiver was built without TLS\n", path);
#endif
    exit(1);
}

static int wait_for(struct epoll_event *ready) {
    if (fifo_head == fifo_tail) return epoll_wait(poller, ready, BATCH, -1);
    uint64_t at = now(), due = fifo[fifo_head % fifo_room].due, left = due > at ? due - at : 0;
    struct timespec most = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    return epoll_pwait2(poller, ready, BATCH, &most, NULL);
}

int main(int count, char **words) {
    if (count < 6) { fputs("usage: receiver RECEIPTS EVENTS DELAY_US BUSY_EVERY REFUSE_EVERY [PEM]\n", stderr); return 2; }
    signal(SIGPIPE, SIG_IGN);
    map_receipts(words[1]);
    events = strtoull(words[2], NULL, 10);
    delay = strtoull(words[3], NULL, 10) * 1000;
    busy_every = strtoull(words[4], NULL, 10);
    refuse_every = strtoull(words[5], NULL, 10);
    fifo_room = delay ? 1 << 18 : 1;
    if (!(states = calloc(events + 1, 1)) || !(fifo = calloc(fifo_room, sizeof *fifo))) die("calloc");
    if (count > 6) use_certificate(words[6]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    int door = open_door();
    struct epoll_event want = {.events = EPOLLIN, .data.ptr = NULL}, ready[BATCH];
    if (epoll_ctl(poller, EPOLL_CTL_ADD, door, &want) < 0) die("epoll_ctl");
    for (;;) {
        int found = wait_for(ready);
        for (int each = 0; each < found; each++) {
            struct link *link = ready[each].data.ptr;
            if (!link) welcome(door);
            else if (link->closing || !hear(link)) release(link);
        }
        pay();
    }
}
