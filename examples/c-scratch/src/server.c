/* The smallest useful web server: one static program, one page. `--health` asks the server that runs beside it. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PORT 8080

static struct sockaddr_in address_of(uint32_t ip) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(ip)};
  return address;
}

static void limit(int connection) {
  struct timeval two_seconds = {.tv_sec = 2};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &two_seconds, sizeof two_seconds);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &two_seconds, sizeof two_seconds);
}

static int health(void) {
  struct sockaddr_in address = address_of(INADDR_LOOPBACK);
  char answer[32] = "";
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connection < 0) return 1;
  limit(connection);
  if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) return 1;
  if (write(connection, "GET / HTTP/1.0\r\n\r\n", 18) != 18) return 1;
  if (read(connection, answer, sizeof answer - 1) <= 0) return 1;
  return strstr(answer, " 200 ") ? 0 : 1;
}

static void answer(int connection) {
  char request[2048], page[256];
  limit(connection);
  ssize_t got = read(connection, request, sizeof request - 1);
  if (got <= 0) return;
  char body[128];
  int length = snprintf(body, sizeof body, "{\"service\":\"c-scratch\",\"uid\":%u}\n", getuid());
  int size = snprintf(page, sizeof page,
                      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
                      length, body);
  if (write(connection, page, size) != size) perror("write");
}

static void end(int signal_number) {
  (void)signal_number;
  _exit(0);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--health") == 0) return health();
  /* The first process of a container has no default reaction to a signal. */
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in address = address_of(INADDR_ANY);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) {
    perror("cannot listen");
    return 1;
  }
  printf("listening on port %d\n", PORT);
  fflush(stdout);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    answer(connection);
    close(connection);
  }
}
