#include "tests/support/tcp_proxy.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace pghaul::test {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::size_t kTypeAndLength = 5;
constexpr std::size_t kKeptBody = 512;  // of a message; enough for a startup packet of ours

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<in_port_t>(port));
    return address;
}

void set_option(int fd, int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
}

/// What a server says while it starts, as a message of the protocol.
std::string starting_up() {
    std::string fields;
    for (const std::string_view field :
         {"SFATAL", "VFATAL", "C57P03", "Mthe database system is starting up"}) {
        fields.append(field).push_back('\0');
    }
    fields.push_back('\0');
    const auto length = static_cast<char>(fields.size() + 4);
    return std::string("E\0\0\0", 4) + length + fields;
}

/// Finds the messages of the frontend/backend protocol in a stream of bytes.
class Messages {
  public:
    /// starts_untyped: the first one has no type, as a client's startup packet.
    explicit Messages(bool starts_untyped) : untyped_(starts_untyped) {}

    /// seen(type, first bytes of the body) for each message as soon as its body's end or
    /// kKeptBody bytes of it are there.
    template <typename Seen>
    void read(std::string_view bytes, Seen seen) {
        while (!bytes.empty()) {
            const std::size_t header = untyped_ ? kTypeAndLength - 1 : kTypeAndLength;
            if (header_.size() < header) {
                take(bytes, header_, header - header_.size());
                if (header_.size() < header) return;
                left_ = body_length();
                wanted_ = std::min(left_, kKeptBody);
            }
            const auto more = std::min(bytes.size(), left_);
            auto kept = bytes.substr(0, more);
            take(kept, body_, wanted_ - body_.size());
            bytes.remove_prefix(more);
            left_ -= more;
            if (!told_ && body_.size() == wanted_) {
                told_ = true;
                seen(untyped_ ? '\0' : header_.front(), std::string_view(body_));
            }
            if (left_ > 0) continue;
            untyped_ = false;
            told_ = false;
            header_.clear();
            body_.clear();
        }
    }

  private:
    static void take(std::string_view& from, std::string& to, std::size_t count) {
        const auto part = from.substr(0, count);
        to.append(part);
        from.remove_prefix(part.size());
    }

    std::size_t body_length() const {
        std::uint32_t length = 0;
        for (const char c : header_.substr(header_.size() - 4)) {
            length = length << 8 | static_cast<unsigned char>(c);
        }
        return length < 4 ? 0 : length - 4;
    }

    bool untyped_;
    bool told_ = false;
    std::string header_;
    std::string body_;
    std::size_t left_ = 0;
    std::size_t wanted_ = 0;
};

/// Bytes on their way to one side.
struct Pipe {
    std::string bytes;
    bool ended = false;  // the sender will send no more
};

}  // namespace

struct TcpProxy::Link {
    FileDescriptor client;
    FileDescriptor server;
    Pipe to_server{};
    Pipe to_client{};
    Messages from_client{true};
    Messages from_server{false};
    bool reads_rows = false;
    bool stalled = false;
    bool loses_answer = false;
    bool refused = false;
    bool over = false;

    void end(End how) {
        for (auto* fd : {&client, &server}) {
            if (how == End::reset) {
                const linger at_once{1, 0};
                ::setsockopt(fd->get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            }
            *fd = FileDescriptor();
        }
        over = true;
    }
};

TcpProxy::TcpProxy(int server_port)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      server_port_(server_port) {
    auto address = loopback(0);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), plain, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), plain, &size) != 0) {
        throw std::system_error(errno, std::generic_category(), "proxy on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { body(stop); });
}

TcpProxy::~TcpProxy() {
    thread_.request_stop();
    in_loop([] {});
}

/// Does something to the links while the loop waits for the lock, then wakes it.
void TcpProxy::in_loop(const Action& action) {
    {
        const std::lock_guard guard(mutex_);
        action();
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

int TcpProxy::end_all(End how) {
    int count = 0;
    in_loop([&] {
        for (auto& link : links_) {
            if (link->over) continue;
            link->end(how);
            ++count;
        }
    });
    return count;
}

int TcpProxy::stall(bool newcomers) {
    int count = 0;
    in_loop([&] {
        for (auto& link : links_) {
            link->stalled = true;
            ++count;
        }
        stalls_newcomers_ = newcomers;
    });
    return count;
}

void TcpProxy::resume() {
    in_loop([&] {
        for (auto& link : links_) link->stalled = false;
        stalls_newcomers_ = false;
    });
}

void TcpProxy::lose_answer_of_commit() {
    in_loop([&] { loses_commit_ = true; });
}

void TcpProxy::refuse_next() {
    in_loop([&] { refuses_next_ = true; });
}

void TcpProxy::calm() {
    in_loop([&] {
        for (auto& link : links_) link->stalled = false;
        stalls_newcomers_ = false;
        loses_commit_ = false;
        refuses_next_ = false;
    });
}

void TcpProxy::take_newcomers() {
    for (;;) {
        FileDescriptor client(
            ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (client.get() < 0) return;
        set_option(client.get(), IPPROTO_TCP, TCP_NODELAY, 1);
        FileDescriptor server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto address = loopback(server_port_);
        // On this machine it succeeds or fails at once, so it may block.
        const bool there = ::connect(server.get(), reinterpret_cast<const sockaddr*>(&address),
                                     sizeof address) == 0;
        ::fcntl(server.get(), F_SETFL, O_NONBLOCK);
        set_option(server.get(), IPPROTO_TCP, TCP_NODELAY, 1);
        auto link = std::make_unique<Link>();
        link->client = std::move(client);
        link->server = std::move(server);
        link->stalled = stalls_newcomers_;
        link->refused = std::exchange(refuses_next_, false);
        if (there) {
            links_.push_back(std::move(link));
        } else {
            link->end(End::reset);
        }
    }
}

void TcpProxy::hold_commit(Link& link) {
    if (!loses_commit_) return;
    loses_commit_ = false;
    link.loses_answer = true;
}

/// Reads once from one side. Returns: false when the connection is to end at once.
bool TcpProxy::move(Link& link, bool from_client) {
    auto& pipe = from_client ? link.to_server : link.to_client;
    std::array<char, 65536> buffer{};
    const int fd = (from_client ? link.client : link.server).get();
    const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) {
        pipe.ended = true;
        return true;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (from_client && link.refused) {
        link.to_client.bytes = starting_up();
        link.to_client.ended = true;
        return true;
    }
    if (!from_client && link.loses_answer) {
        ++answers_lost_;
        return false;
    }
    if (from_client) {
        link.from_client.read(bytes, [&](char type, std::string_view text) {
            if (type == '\0') link.reads_rows = text.find("/read ") != std::string_view::npos;
            if (type == 'Q' && text == std::string_view("commit\0", 7)) hold_commit(link);
        });
    } else if (link.reads_rows) {
        link.from_server.read(bytes, [&](char type, std::string_view) {
            if (type == 'd') ++rows_read_;
        });
    }
    pipe.bytes.append(bytes);
    return true;
}

void TcpProxy::serve(Link& link, short client_events, short server_events) {
    constexpr short kReadable = POLLIN | POLLHUP | POLLERR;
    bool good = true;
    if ((client_events & kReadable) != 0 && !link.to_server.ended) good = move(link, true);
    if (good && (server_events & kReadable) != 0 && !link.to_client.ended) good = move(link, false);
    const auto pass = [&](Pipe& pipe, const FileDescriptor& to) {
        while (good && !pipe.bytes.empty()) {
            const auto sent = ::send(to.get(), pipe.bytes.data(), pipe.bytes.size(), MSG_NOSIGNAL);
            if (sent > 0) {
                pipe.bytes.erase(0, static_cast<std::size_t>(sent));
            } else if (errno == EAGAIN) {
                break;
            } else if (errno != EINTR) {
                good = false;
            }
        }
        // Once one side has gone and all it said is passed on, the other is let go as well.
        return pipe.ended && pipe.bytes.empty();
    };
    const bool client_gone = pass(link.to_server, link.server);
    const bool server_gone = pass(link.to_client, link.client);
    if (!good) {
        link.end(End::reset);
    } else if (client_gone || server_gone) {
        link.end(End::closed);
    }
}

void TcpProxy::body(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        std::erase_if(links_, [](const auto& link) { return link->over; });
        open_ = static_cast<int>(links_.size());
        std::vector<pollfd> entries = {{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
        for (const auto& link : links_) {
            const auto events = [&](const Pipe& in, const Pipe& out) {
                if (link->stalled) return short{0};
                const bool room = !in.ended && in.bytes.size() < kBufferBytes;
                return static_cast<short>((room ? POLLIN : 0) | (out.bytes.empty() ? 0 : POLLOUT));
            };
            // A negative descriptor is passed over: one that is stalled must not wake us by HUP.
            const bool quiet = link->stalled;
            entries.push_back(
                {quiet ? -1 : link->client.get(), events(link->to_server, link->to_client), 0});
            entries.push_back(
                {quiet ? -1 : link->server.get(), events(link->to_client, link->to_server), 0});
        }
        lock.unlock();
        ::poll(entries.data(), entries.size(), -1);
        lock.lock();
        std::uint64_t ignored = 0;
        [[maybe_unused]] const auto got = ::read(wake_.get(), &ignored, sizeof ignored);
        // Links are added below and erased above only, so that the entries still fit.
        const std::size_t count = (entries.size() - 2) / 2;
        for (std::size_t i = 0; i < count; ++i) {
            auto& link = *links_[i];
            const auto client = entries[2 + 2 * i].revents;
            const auto server = entries[3 + 2 * i].revents;
            if (link.over || link.stalled || (client == 0 && server == 0)) continue;
            serve(link, client, server);
        }
        if (entries[0].revents != 0) take_newcomers();
    }
}

}  // namespace pghaul::test
