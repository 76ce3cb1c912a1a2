#include "io/agent_protocol.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "io/little_endian.hpp"

namespace pghaul::io {

std::string hello_line(std::string_view who, const std::string& version) {
    return std::string(who) + " " + std::to_string(kAgentProtocol) + " " + version + "\n";
}

std::optional<Hello> parse_hello(std::string_view who, std::string_view line) {
    if (!line.starts_with(who)) return std::nullopt;
    line.remove_prefix(who.size());
    if (line.empty() || line.front() != ' ') return std::nullopt;
    line.remove_prefix(1);
    Hello hello;
    const auto [end, fault] =
        std::from_chars(line.data(), line.data() + line.size(), hello.protocol);
    if (fault != std::errc()) return std::nullopt;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    if (!line.starts_with(' ')) return std::nullopt;
    hello.version = line.substr(1);
    return hello;
}

FieldWriter& FieldWriter::number(std::uint64_t value) {
    std::array<char, 8> bytes{};
    put_u64(bytes.data(), value);
    payload_.append(bytes.data(), bytes.size());
    return *this;
}

FieldWriter& FieldWriter::text(std::string_view value) {
    number(value.size());
    payload_.append(value);
    return *this;
}

std::string_view FieldReader::take(std::size_t size) {
    if (size > rest_.size()) {
        throw Error("a frame ends early").retryable(true).poisons_connection(true);
    }
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
}

std::uint64_t FieldReader::number() { return get_u64(take(8).data()); }

std::string FieldReader::text() { return std::string(take(number())); }

std::string encode(const OpenRequest& request) {
    FieldWriter fields;
    const auto pairs = [&](const auto& list) {
        fields.number(list.size());
        for (const auto& [name, value] : list) fields.text(name).text(value);
    };
    pairs(request.info.values());
    const auto& settings = request.settings;
    fields.text(settings.job).text(settings.role).text(settings.client_encoding);
    fields.number(static_cast<std::uint64_t>(settings.lock_timeout.count()));
    pairs(settings.extra);
    return fields.payload();
}

OpenRequest decode_open(std::string_view payload) {
    FieldReader fields(payload);
    OpenRequest request;
    for (auto left = fields.number(); left > 0; --left) {
        const auto name = fields.text();
        request.info.set(name, fields.text());
    }
    auto& settings = request.settings;
    settings.job = fields.text();
    settings.role = fields.text();
    settings.client_encoding = fields.text();
    settings.lock_timeout = std::chrono::milliseconds(fields.number());
    for (auto left = fields.number(); left > 0; --left) {
        auto name = fields.text();
        settings.extra.emplace_back(std::move(name), fields.text());
    }
    return request;
}

std::string encode(const Params& params, const Query& query) {
    FieldWriter fields;
    fields.text(query.name).text(query.text).number(params.size());
    for (const auto& param : params) {
        fields.number(param ? 1 : 0);
        if (param) fields.text(*param);
    }
    return fields.payload();
}

QueryRequest decode_query(std::string_view payload) {
    FieldReader fields(payload);
    QueryRequest request;
    request.name = fields.text();
    request.text = fields.text();
    for (auto left = fields.number(); left > 0; --left) {
        request.params.push_back(fields.number() != 0 ? Param(fields.text()) : std::nullopt);
    }
    return request;
}

std::string encode(const Error& error) {
    return FieldWriter()
        .text(error.what())
        .text(error.sqlstate())
        .text(error.statement())
        .text(error.detail())
        .text(error.hint())
        .number(error.retryable() ? 1 : 0)
        .number(error.poisons_connection() ? 1 : 0)
        .number(static_cast<std::uint64_t>(error.exit_code()))
        .payload();
}

Error decode_error(std::string_view payload) {
    FieldReader fields(payload);
    Error error(fields.text());
    error.sqlstate(fields.text()).statement(fields.text()).detail(fields.text());
    error.hint(fields.text()).retryable(fields.number() != 0);
    error.poisons_connection(fields.number() != 0);
    const auto code = fields.number();
    static constexpr std::array kCodes = {ExitCode::failed, ExitCode::usage, ExitCode::no_go,
                                          ExitCode::differences, ExitCode::stopped};
    for (const auto known : kCodes) {
        if (static_cast<std::uint64_t>(known) == code) error.exit_code(known);
    }
    return error;
}

}  // namespace pghaul::io
