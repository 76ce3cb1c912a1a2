// A TCP proxy before a PostgreSQL server that does what networks do: cuts connections, resets them,
// lets them hang, loses the answer to a commit. It also counts the rows that COPY carries.
//
// For tests only, on 127.0.0.1, without TLS or GSS (sslmode=disable). It reads along as far as
// needed to find messages' borders, never changes a byte, and knows nothing of what is in them but
// "commit".
// Thread: its own; every member function from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/process.hpp"

namespace pghaul::test {

class TcpProxy {
  public:
    /// Listens on a free port; connections go to 127.0.0.1:server_port, which may be down.
    explicit TcpProxy(int server_port);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    int port() const { return port_; }
    /// Connections that are open now.
    int connections() const { return open_; }

    enum class End { closed, reset };
    /// Ends every connection on both sides. Returns: how many there were.
    int end_all(End how);
    /// From now on no byte passes on the connections there are, in neither direction, and nobody is
    /// told; with `newcomers` later ones are taken and get no answer either. Returns: how many.
    int stall(bool newcomers);
    /// Lets everything pass again.
    void resume();
    /// The next commit sent by a client reaches the server, its answer does not come back: that
    /// connection is reset instead.
    void lose_answer_of_commit();
    int answers_lost() const { return answers_lost_; }
    /// The next connection is told that the server is starting up, as by one that is up a moment
    /// later.
    void refuse_next();
    /// Takes back what is armed or stalled; open connections stay.
    void calm();

    /// Rows that the server has sent by COPY on connections whose application_name holds "/read ".
    std::int64_t rows_read() const { return rows_read_; }

  private:
    struct Link;
    using Action = std::function<void()>;

    void body(const std::stop_token& stop);
    void in_loop(const Action& action);
    void take_newcomers();
    void serve(Link& link, short client_events, short server_events);
    bool move(Link& link, bool from_client);
    void hold_commit(Link& link);

    FileDescriptor listener_;
    FileDescriptor wake_;
    int server_port_;
    int port_ = 0;
    std::atomic<int> open_{0};
    std::atomic<int> answers_lost_{0};
    std::atomic<std::int64_t> rows_read_{0};

    std::mutex mutex_;  // what follows, between the loop and whoever asks
    std::vector<std::unique_ptr<Link>> links_;
    bool stalls_newcomers_ = false;
    bool loses_commit_ = false;
    bool refuses_next_ = false;
    std::jthread thread_;
};

}  // namespace pghaul::test
