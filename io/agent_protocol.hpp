// What pghaul and its agent say to each other over the agent's standard input and output.
//
// Each side begins with a line of text that stays the same in all versions:
//   pghaul <protocol> <program version>            from pghaul
//   pghaul-agent <protocol> <program version>      from the agent
// Sides of different protocols part at once. Then frames (frame_pipe.hpp): pghaul asks, the agent
// answers each request in turn.
//
//   request                                   answer
//   open: parameters, session settings        ready: the server's name
//   execute: name, text                       done
//   query_value: name, text, parameters       value
//   copy_out: name, text, blocks in flight    copying, blocks (packed, pack_format.hpp), copied
//
// `failed` answers any of them, also after some blocks. While the agent has nothing to say it sends
// a heartbeat every kHeartbeat, so a silent agent is a dead one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/connection.hpp"
#include "io/error.hpp"

namespace pghaul::io {

inline constexpr int kAgentProtocol = 1;
inline constexpr std::string_view kPghaulHello = "pghaul";
inline constexpr std::string_view kAgentHello = "pghaul-agent";
inline constexpr std::size_t kLongestHello = 200;
inline constexpr std::chrono::seconds kHeartbeat{5};

enum class FrameKind : std::uint32_t {
    open = 1,
    execute = 2,
    query_value = 3,
    copy_out = 4,
    ready = 101,
    done = 102,
    value = 103,
    copying = 104,
    block = 105,
    copied = 106,
    failed = 107,
    heartbeat = 108,
};

/// As frame_pipe.hpp takes it.
inline std::uint32_t raw(FrameKind kind) { return static_cast<std::uint32_t>(kind); }
inline std::string_view view(const std::vector<char>& bytes) {
    return {bytes.data(), bytes.size()};
}

struct Hello {
    int protocol = 0;
    std::string version;
};

std::string hello_line(std::string_view who, const std::string& version);
/// Nothing if the line is no hello of `who`.
std::optional<Hello> parse_hello(std::string_view who, std::string_view line);

/// A payload under construction.
class FieldWriter {
  public:
    FieldWriter& number(std::uint64_t value);
    FieldWriter& text(std::string_view value);
    const std::string& payload() const noexcept { return payload_; }

  private:
    std::string payload_;
};

/// Reads fields in the order they were written. Throws: Error if they end early.
class FieldReader {
  public:
    explicit FieldReader(std::string_view payload) : rest_(payload) {}
    std::uint64_t number();
    std::string text();

  private:
    std::string_view take(std::size_t size);
    std::string_view rest_;
};

struct OpenRequest {
    ConnInfo info;
    SessionSettings settings;
};
std::string encode(const OpenRequest& request);
OpenRequest decode_open(std::string_view payload);

std::string encode(const Params& params, const Query& query);
struct QueryRequest {
    std::string name;
    std::string text;
    Params params;
};
QueryRequest decode_query(std::string_view payload);

/// An error with all its properties.
std::string encode(const Error& error);
Error decode_error(std::string_view payload);

}  // namespace pghaul::io
