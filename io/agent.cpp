#include "io/agent.hpp"

#include <fcntl.h>
#include <oneapi/tbb/task_arena.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "io/agent_protocol.hpp"
#include "io/carry.hpp"
#include "io/connection.hpp"
#include "io/copy_reader.hpp"
#include "io/frame_pipe.hpp"
#include "io/link_packer.hpp"

namespace pghaul::io {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostBlocksInFlight = 64;

struct Request {
    std::uint32_t kind = 0;
    std::vector<char> payload;
};

/// Reads requests on a thread of its own, so that the end of the input is noticed in the middle of
/// a statement: then it fires the interrupt, which ends every wait. It sends the heartbeats too.
class Inbox {
  public:
    Inbox(int in, FrameWriter& out, Interrupt& interrupt)
        : out_(out),
          interrupt_(interrupt),
          reader_(in, [this](int fd, short events) { wait(fd, events); }),
          thread_([this] { body(); }) {}
    ~Inbox() {
        interrupt_.fire();
        thread_.join();
    }
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;

    /// The other side's first line.
    std::string hello() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || greeted_; });
        return hello_;
    }
    /// Nothing when the input has ended.
    std::optional<Request> next() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || !requests_.empty(); });
        if (closed_) return std::nullopt;
        Request request = std::move(requests_.front());
        requests_.pop_front();
        return request;
    }

  private:
    void body() noexcept {
        try {
            std::string line;
            reader_.read_line(kLongestHello, line);
            {
                const std::lock_guard guard(mutex_);
                hello_ = std::move(line);
                greeted_ = true;
            }
            changed_.notify_all();
            for (;;) {
                Request request;
                request.kind = reader_.read(request.payload);
                const std::lock_guard guard(mutex_);
                requests_.push_back(std::move(request));
                changed_.notify_all();
            }
        } catch (const std::exception&) {
            // The input has ended, is garbage, or we were told to stop: all the same to us.
        }
        interrupt_.fire();
        const std::lock_guard guard(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

    void wait(int fd, short events) {
        for (auto next_beat = Clock::now() + kHeartbeat;;) {
            std::array<pollfd, 2> entries = {{{fd, events, 0}, {interrupt_.fd(), POLLIN, 0}}};
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(next_beat - Clock::now());
            const int ready = ::poll(entries.data(), entries.size(),
                                     static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
            interrupt_.check();
            if (ready > 0 && entries[0].revents != 0) return;
            if (ready != 0) continue;
            // If there is no room for one, there is something to read already.
            if (greeted_) out_.try_write(raw(FrameKind::heartbeat));
            next_beat = Clock::now() + kHeartbeat;
        }
    }

    FrameWriter& out_;
    Interrupt& interrupt_;
    FrameReader reader_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Request> requests_;
    std::string hello_;
    bool greeted_ = false;
    bool closed_ = false;
    std::thread thread_;
};

class Agent {
  public:
    Agent(FrameWriter& out, const Interrupt& interrupt) : out_(out), interrupt_(interrupt) {}

    /// Throws: Interrupted, PipeEnded. All other errors are answers.
    void answer(const Request& request) {
        try {
            perform(request);
        } catch (const Interrupted&) {
            throw;
        } catch (const PipeEnded&) {
            throw;
        } catch (const Error& error) {
            if (connection_ && connection_->poisoned()) connection_.reset();
            out_.write(raw(FrameKind::failed), encode(error));
        }
    }

  private:
    void perform(const Request& request) {
        const auto payload = view(request.payload);
        if (request.kind == raw(FrameKind::open)) {
            const auto open = decode_open(payload);
            connection_.emplace(Connection::open(open.info, open.settings, interrupt_));
            out_.write(raw(FrameKind::ready), connection_->server_name());
            return;
        }
        const auto asked = decode_query(payload);
        const Query query{asked.name, asked.text};
        if (request.kind == raw(FrameKind::execute)) {
            connection().execute(query);
            out_.write(raw(FrameKind::done), {});
        } else if (request.kind == raw(FrameKind::query_value)) {
            out_.write(raw(FrameKind::value), connection().query_value(query, asked.params));
        } else if (request.kind == raw(FrameKind::copy_out)) {
            copy_out(asked);
        } else {
            throw Error("the agent does not know request " + std::to_string(request.kind));
        }
    }

    Connection& connection() {
        if (connection_) return *connection_;
        throw Error("the agent's connection is closed").retryable(true).poisons_connection(true);
    }

    void copy_out(const QueryRequest& asked) {
        CopyReader reader(connection(), asked.name, asked.text);
        out_.write(raw(FrameKind::copying), {});
        const auto wanted = asked.params.empty() ? "1" : asked.params.front().value_or("1");
        send_blocks(reader, std::clamp<std::size_t>(std::stoul(wanted), 1, kMostBlocksInFlight));
        out_.write(raw(FrameKind::copied),
                   FieldWriter().number(static_cast<std::uint64_t>(reader.rows())).payload());
    }

    void send_blocks(CopyReader& reader, std::size_t blocks_in_flight) {
        struct Carried {
            Block block;
            std::vector<char> packed;
        };
        const auto read = [&](Carried& carried) { return reader.read(carried.block); };
        const auto pack_it = [&](Carried& carried) {
            packer_.pack(carried.block, carried.packed);
            let_go_if_giant(carried.block.bytes);
        };
        const auto send = [&](Carried& carried) {
            const auto began = Clock::now();
            out_.write(raw(FrameKind::block), view(carried.packed));
            packer_.sent(Clock::now() - began);
            let_go_if_giant(carried.packed);
        };
        packer_.begin();
        arena_.execute(
            [&] { carry_blocks<Carried>(blocks_in_flight, interrupt_, read, pack_it, send); });
    }

    FrameWriter& out_;
    const Interrupt& interrupt_;
    std::optional<Connection> connection_;
    LinkPacker packer_;
    // One slot each for reading, packing and sending.
    tbb::task_arena arena_{3};
};

void check_hello(const std::string& line, const std::string& version) {
    const auto hello = parse_hello(kPghaulHello, line);
    if (!hello) {
        throw Error("what comes on standard input is not from pghaul")
            .exit_code(ExitCode::usage)
            .hint("pghaul agent is started by pghaul run --source-via, not by hand");
    }
    if (hello->protocol != kAgentProtocol) {
        throw Error("pghaul " + hello->version + " on the other side speaks protocol " +
                    std::to_string(hello->protocol) + ", this agent is pghaul " + version +
                    " with protocol " + std::to_string(kAgentProtocol))
            .hint("install the same version of pghaul on both hosts");
    }
}

}  // namespace

void serve_as_agent(int in, int out, const std::string& version, Interrupt& interrupt) {
    ::fcntl(out, F_SETFL, ::fcntl(out, F_GETFL) | O_NONBLOCK);
    FrameWriter writer(out, [&](int fd, short events) {
        std::array<pollfd, 2> entries = {{{fd, events, 0}, {interrupt.fd(), POLLIN, 0}}};
        ::poll(entries.data(), entries.size(), -1);
        interrupt.check();
    });
    try {
        Inbox inbox(in, writer, interrupt);
        writer.write_text(hello_line(kAgentHello, version));
        const auto hello = inbox.hello();
        if (hello.empty()) return;
        check_hello(hello, version);
        Agent agent(writer, interrupt);
        while (const auto request = inbox.next()) agent.answer(*request);
    } catch (const Interrupted&) {
        // The other side has gone or we were told to: the connection ends with us.
    } catch (const PipeEnded&) {
    }
}

}  // namespace pghaul::io
