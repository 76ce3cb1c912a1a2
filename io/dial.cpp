#include "io/dial.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

using Clock = std::chrono::steady_clock;

// A dead or black-holed peer is noticed within 10 + 3 * 5 = 25 s while we wait for it. While it
// owes us an acknowledgement the kernel is patient for a quarter of an hour, but who looks after a
// run from outside is not. No tcp_user_timeout: it also ends connections to a peer that is well and
// takes nothing for a while, as a server does whose COPY waits for a lock or a disk.
// Source: libpq, "Parameter Key Words"; tcp(7), TCP_USER_TIMEOUT; linux, tcp_probe_timer().
constexpr std::array<std::pair<const char*, const char*>, 5> kNetworkDefaults = {{
    {"connect_timeout", "10"},
    {"keepalives", "1"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
}};

// libpq waits that long where less is asked for. Source: libpq, connect_timeout.
constexpr std::chrono::seconds kShortestTimeout{2};
// The question what is wrong with a server can't be interrupted, so it must be short.
constexpr const char* kPingTimeout = "2";

struct ConnectArguments {
    std::vector<const char*> keywords;
    std::vector<const char*> values;

    explicit ConnectArguments(const ConnInfo& info) {
        for (const auto& [keyword, value] : info.values()) {
            keywords.push_back(keyword.c_str());
            values.push_back(value.c_str());
        }
        keywords.push_back(nullptr);
        values.push_back(nullptr);
    }
};

/// libpq gives null for what a connection that failed early does not know.
std::string text_of(const char* value) { return value == nullptr ? "" : value; }

/// How long one address may take; empty: for ever. libpq reads this setting only in its own loop.
std::optional<std::chrono::seconds> timeout_of(const ConnInfo& info) {
    const auto text = info.get("connect_timeout");
    int seconds = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (fault != std::errc() || end != text.data() + text.size()) {
        throw Error("connect_timeout is not a number of seconds: " + text)
            .exit_code(ExitCode::usage)
            .hint("correct the connection settings");
    }
    if (seconds <= 0) return std::nullopt;
    return std::max(std::chrono::seconds(seconds), kShortestTimeout);
}

PGPing ping(ConnInfo info) {
    info.set("connect_timeout", kPingTimeout);
    const ConnectArguments arguments(info);
    return PQpingParams(arguments.keywords.data(), arguments.values.data(), 0);
}

/// silent: the server (or what is on its way) has kept us waiting for the whole timeout.
Error connect_error(const ConnInfo& info, PGconn* connection, bool silent) {
    const std::string message = silent ? "timeout expired" : connection_message(connection);
    Error error("cannot connect to " + server_name(connection) + ": " + message);
    error.poisons_connection(true);
    // libpq checks a port only when it connects, and calls a wrong one a server without response.
    const bool bad_value = message.find("invalid port number") != std::string::npos ||
                           message.find("invalid integer value") != std::string::npos;
    const auto answer = [&] {
        if (bad_value) return PQPING_NO_ATTEMPT;
        // A server that has kept us waiting once is not asked to do so again.
        if (silent) return PQPING_NO_RESPONSE;
        return ping(info);
    }();
    switch (answer) {
        case PQPING_NO_ATTEMPT:
            error.exit_code(ExitCode::usage).hint("correct the connection settings");
            break;
        case PQPING_NO_RESPONSE:
            error.exit_code(ExitCode::stopped)
                .retryable(true)
                .hint("is the server running, and do host and port lead to it (firewall)?");
            break;
        case PQPING_REJECT:
            error.exit_code(ExitCode::stopped)
                .retryable(true)
                .hint("the server is starting up or shutting down; run again when it is up");
            break;
        case PQPING_OK: {
            // "too many clients" is the one refusal that passes by itself.
            const bool full = message.find("too many") != std::string::npos ||
                              message.find("remaining connection slots") != std::string::npos;
            error.retryable(full).hint(
                full ? "use fewer streams (-j) or raise max_connections on that server"
                     : "check user, password (.pgpass, PGPASSWORD, service file), database name "
                       "and pg_hba.conf");
            break;
        }
    }
    return error;
}

/// Whether the server is up and takes others.
bool refused(const Error& error) {
    return !error.retryable() && error.exit_code() == ExitCode::failed;
}

/// The address that libpq is at.
struct Address {
    std::string host;
    std::string address;
    std::string port;

    explicit Address(PGconn* connection)
        : host(text_of(PQhost(connection))),
          address(text_of(PQhostaddr(connection))),
          port(text_of(PQport(connection))) {}
    bool operator==(const Address&) const = default;
};

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts(1);
    for (const char c : list) {
        if (c == ',') {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

/// Takes one host out of the lists of several. False if there is no other, or it isn't found.
bool remove_host(ConnInfo& info, const Address& gone) {
    auto hosts = split(info.get("host"));
    auto addresses = split(info.get("hostaddr"));
    auto ports = split(info.get("port"));
    const std::size_t count = std::max(hosts.size(), addresses.size());
    const auto at = [](const std::vector<std::string>& list, std::size_t i) {
        return i < list.size() ? list[i] : list.front();
    };
    std::size_t found = 0;
    const auto is_gone = [&](std::size_t i) {
        const bool same_host = hosts.size() == count && hosts[i] == gone.host;
        const bool same_address = addresses.size() == count && addresses[i] == gone.address;
        return (same_host || same_address) && (at(ports, i).empty() || at(ports, i) == gone.port);
    };
    while (found < count && !is_gone(found)) ++found;
    if (count < 2 || found == count) return false;
    const auto remove = [&](const char* keyword, std::vector<std::string>& list) {
        if (list.size() != count) return;  // one for all, or none
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(found));
        std::string text = list.front();
        for (std::size_t i = 1; i < list.size(); ++i) text += "," + list[i];
        info.set(keyword, text);
    };
    remove("host", hosts);
    remove("hostaddr", addresses);
    remove("port", ports);
    return true;
}

/// One pass over the hosts of a connection string.
class Dialling {
  public:
    Dialling(const ConnectArguments& arguments, std::optional<std::chrono::seconds> timeout,
             const Interrupt& interrupt)
        : timeout_(timeout),
          interrupt_(interrupt),
          handle_(PQconnectStartParams(arguments.keywords.data(), arguments.values.data(), 0)) {
        if (!handle_) throw Error("out of memory");
    }

    /// True if the session stands. Else silent() tells what ended it. Throws: Interrupted.
    bool finish() {
        if (PQstatus(raw()) == CONNECTION_BAD) return false;
        // Source: libpq, "PQconnectPoll": before its first call, wait as if it had said writing.
        for (auto wanted = PGRES_POLLING_WRITING;; wanted = PQconnectPoll(raw())) {
            if (wanted == PGRES_POLLING_OK) return true;
            if (wanted == PGRES_POLLING_FAILED) return false;
            if (await(wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT)) continue;
            silent_ = true;
            // The server has taken the connection and says nothing: libpq can't be told to leave
            // that address.
            if (PQstatus(raw()) != CONNECTION_STARTED) return false;
            // Nobody has taken it: as a refused one, it makes libpq go on to the next address.
            ::shutdown(PQsocket(raw()), SHUT_RDWR);
        }
    }

    /// True if the last address that was tried did not answer in time.
    bool silent() const { return silent_; }
    PGconn* raw() const { return handle_.get(); }
    ConnectionHandle take() { return std::move(handle_); }

  private:
    /// False if the address's time is up.
    bool await(short event) {
        Address address(raw());
        if (address_ != address) {
            address_ = std::move(address);
            began_ = Clock::now();
            silent_ = false;
        }
        std::array<pollfd, 2> entries = {
            {{PQsocket(raw()), event, 0}, {interrupt_.fd(), POLLIN, 0}}};
        for (;;) {
            interrupt_.check();
            int wait_ms = -1;
            if (timeout_) {
                const auto left =
                    std::chrono::ceil<std::chrono::milliseconds>(began_ + *timeout_ - Clock::now());
                wait_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
            }
            const int ready = ::poll(entries.data(), entries.size(), wait_ms);
            if (ready == 0) return false;
            if (ready < 0 && errno != EINTR) throw Error("poll failed while connecting");
            if (ready > 0 && entries[0].revents != 0) return true;
        }
    }

    std::optional<std::chrono::seconds> timeout_;
    const Interrupt& interrupt_;
    ConnectionHandle handle_;
    std::optional<Address> address_;
    Clock::time_point began_;
    bool silent_ = false;
};

}  // namespace

void FinishConnection::operator()(pg_conn* connection) const noexcept { PQfinish(connection); }

ConnectionHandle dial(ConnInfo info, const Interrupt& interrupt) {
    for (const auto& [keyword, value] : kNetworkDefaults) info.set_default(keyword, value);
    const auto timeout = timeout_of(info);
    for (bool again = false;;) {
        interrupt.check();
        const ConnectArguments arguments(info);
        Dialling dialling(arguments, timeout, interrupt);
        if (dialling.finish()) return dialling.take();
        const bool stuck = dialling.silent() && PQstatus(dialling.raw()) != CONNECTION_BAD;
        if (stuck && remove_host(info, Address(dialling.raw()))) continue;
        interrupt.check();
        auto error = connect_error(info, dialling.raw(), dialling.silent());
        // A server that was starting when it was dialled and is up when it is asked looks as if it
        // had refused us for good. One that does refuse says so again.
        if (refused(error) && !std::exchange(again, true)) continue;
        throw error;
    }
}

std::string server_name(pg_conn* connection) {
    return text_of(PQhost(connection)) + ":" + text_of(PQport(connection)) + "/" +
           text_of(PQdb(connection));
}

std::string connection_message(pg_conn* connection) {
    return plain_message(PQerrorMessage(connection));
}

std::string plain_message(const char* message) {
    std::string text = text_of(message);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    // libpq and the server begin some messages with their severity; ours are lower case throughout.
    for (const std::string_view prefix : {"FATAL:  ", "ERROR:  "}) {
        if (const auto at = text.find(prefix); at != std::string::npos)
            text.erase(at, prefix.size());
    }
    return text;
}

}  // namespace pghaul::io
