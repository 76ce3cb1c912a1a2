#include "io/connection.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <future>
#include <thread>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

constexpr std::chrono::seconds kCancelLimit{5};

constexpr std::string_view kHintAfterLoss =
    "check that server's log and the network; run again to go on where it stopped";

}  // namespace

Connection::Connection(ConnectionHandle handle, std::string server_name, const Interrupt& interrupt)
    : handle_(std::move(handle)), server_name_(std::move(server_name)), interrupt_(&interrupt) {}

Connection Connection::open(const ConnInfo& info, const SessionSettings& settings,
                            const Interrupt& interrupt) {
    ConnInfo full = info;
    full.set("application_name", "pghaul/" + settings.job + "/" + settings.role);
    full.set("client_encoding", "");
    auto handle = dial(std::move(full), interrupt);
    auto name = io::server_name(handle.get());
    Connection connection(std::move(handle), std::move(name), interrupt);
    if (PQsetnonblocking(connection.raw(), 1) != 0) throw connection.broken("connect");
    apply_settings(connection, settings);
    return connection;
}

Connection& Connection::operator=(Connection&& other) noexcept {
    if (this != &other) {
        drop();
        handle_ = std::move(other.handle_);
        server_name_ = std::move(other.server_name_);
        interrupt_ = other.interrupt_;
        answer_limit_ = other.answer_limit_;
        poisoned_ = other.poisoned_;
    }
    return *this;
}

Connection::~Connection() { drop(); }

void Connection::drop() noexcept {
    if (handle_ && PQstatus(handle_.get()) == CONNECTION_OK &&
        PQtransactionStatus(handle_.get()) == PQTRANS_ACTIVE) {
        cancel();
    }
    handle_.reset();
}

Result Connection::query(const Query& query, const Params& params) {
    std::vector<const char*> values;
    for (const auto& param : params) values.push_back(param ? param->c_str() : nullptr);
    const std::string text(query.text);
    interrupt_->check();
    if (PQsendQueryParams(raw(), text.c_str(), static_cast<int>(values.size()), nullptr,
                          values.data(), nullptr, nullptr, 0) == 0) {
        throw broken(query.name);
    }
    return last_result(query);
}

Result Connection::query_row(const Query& query, const Params& params) {
    auto result = this->query(query, params);
    if (result.rows() != 1) {
        throw Error("expected one row, got " + std::to_string(result.rows())).statement(query.name);
    }
    return result;
}

std::string Connection::query_value(const Query& query, const Params& params) {
    const auto result = query_row(query, params);
    if (result.columns() != 1 || result.is_null(0, 0)) {
        throw Error("expected one value that is not null").statement(query.name);
    }
    return result.string(0, 0);
}

Result Connection::execute(const Query& query) {
    send(query);
    return last_result(query);
}

void Connection::execute_all(std::string_view name, const std::vector<std::string>& statements,
                             std::size_t& done) {
    done = 0;
    if (statements.empty()) return;
    std::string text;
    for (const auto& statement : statements) text += statement + ";\n";
    const Query query{name, text};
    send(query);
    while (next_result(query)) ++done;
}

Result Connection::query_binary(const Query& query, const std::vector<std::string>& binary_params,
                                const std::vector<std::uint32_t>& types) {
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats(binary_params.size(), 1);
    for (const auto& param : binary_params) {
        values.push_back(param.data());
        lengths.push_back(static_cast<int>(param.size()));
    }
    const std::string text(query.text);
    interrupt_->check();
    if (PQsendQueryParams(raw(), text.c_str(), static_cast<int>(values.size()), types.data(),
                          values.data(), lengths.data(), formats.data(), 1) == 0) {
        throw broken(query.name);
    }
    return last_result(query);
}

Result Connection::last_result(const Query& query) {
    ResultHandle last;
    while (auto result = next_result(query)) last = std::move(result);
    if (!last) throw broken(query.name);
    return Result(std::move(last));
}

void Connection::send(const Query& query) {
    interrupt_->check();
    const std::string text(query.text);
    if (PQsendQuery(raw(), text.c_str()) == 0) throw broken(query.name);
}

ResultHandle Connection::next_result(const Query& query) {
    wake_for(1);
    for (int flushed = PQflush(raw()); flushed != 0; flushed = PQflush(raw())) {
        if (flushed < 0) throw broken(query.name);
        if (await_socket(true) && PQconsumeInput(raw()) == 0) throw broken(query.name);
    }
    while (PQisBusy(raw()) != 0) {
        await_socket(false);
        if (PQconsumeInput(raw()) == 0) throw broken(query.name);
    }
    ResultHandle result(PQgetResult(raw()));
    if (!result) return result;
    switch (PQresultStatus(result.get())) {
        case PGRES_FATAL_ERROR:
        case PGRES_BAD_RESPONSE:
        case PGRES_NONFATAL_ERROR: {
            auto error = statement_error(*result, query);
            // Leave the connection ready for the next statement. A server that ended our session
            // (57P01) says so first; that the connection is gone shows only after that.
            while (!poisoned() && PQtransactionStatus(raw()) == PQTRANS_ACTIVE) {
                if (PQisBusy(raw()) != 0) {
                    await_socket(false);
                    if (PQconsumeInput(raw()) == 0) break;
                    continue;
                }
                if (ResultHandle rest(PQgetResult(raw())); !rest) break;
            }
            if (PQstatus(raw()) != CONNECTION_OK) {
                poisoned_ = true;
                error.poisons_connection(true).retryable(true).exit_code(ExitCode::stopped);
                if (error.hint().empty()) error.hint(kHintAfterLoss);
            }
            throw error;
        }
        default:
            return result;
    }
}

Error Connection::statement_error(const pg_result& result, const Query& query) const {
    const auto field = [&](int code) {
        const char* value = PQresultErrorField(&result, code);
        return std::string(value == nullptr ? "" : value);
    };
    const std::string sqlstate = field(PG_DIAG_SQLSTATE);
    std::string message = field(PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) message = plain_message(PQresultErrorMessage(&result));
    Error error(server_name_ + ": " + message);
    error.sqlstate(sqlstate).statement(query.name).retryable(is_retryable_sqlstate(sqlstate));
    // CONTEXT of COPY names the line and column, which finds the row; DETAIL may quote values of
    // it, as psql would show, and only the server's own log keeps it.
    std::string detail = field(PG_DIAG_MESSAGE_DETAIL);
    if (const auto where = field(PG_DIAG_CONTEXT); !where.empty()) {
        detail += (detail.empty() ? "" : "; ") + where;
    }
    error.detail(detail);
    std::string hint = field(PG_DIAG_MESSAGE_HINT);
    if (hint.empty()) hint = general_hint(sqlstate);
    error.hint(hint);
    return error;
}

Error Connection::broken(std::string_view statement) {
    poisoned_ = true;
    return Error("connection to " + server_name_ + " lost: " + connection_message(raw()))
        .sqlstate("08006")
        .statement(statement)
        .retryable(true)
        .poisons_connection(true)
        .exit_code(ExitCode::stopped)
        .hint(kHintAfterLoss);
}

Error Connection::forgotten() {
    poisoned_ = true;
    return Error(server_name_ + " answers, but not on this connection")
        .sqlstate("08006")
        .retryable(true)
        .poisons_connection(true)
        .exit_code(ExitCode::stopped)
        .hint(
            "something between here and there (a proxy, a firewall) has lost the connection; "
            "run again to go on where it stopped");
}

void Connection::cancel() noexcept {
    try {
        const std::shared_ptr<PGcancel> request(PQgetCancel(raw()), &PQfreeCancel);
        if (!request) return;
        // PQcancel returns when the server has closed the connection it asks on. A frozen server
        // never does, so that wait is left to a thread which may outlive this connection.
        std::packaged_task<void()> ask([request] {
            std::array<char, 256> message{};
            PQcancel(request.get(), message.data(), static_cast<int>(message.size()));
        });
        const auto answered = ask.get_future();
        std::thread(std::move(ask)).detach();
        answered.wait_for(kCancelLimit);
    } catch (const std::exception&) {
        // Best effort: a server that can't be asked to stop finds our socket closed next.
    }
}

bool Connection::poisoned() const noexcept {
    return poisoned_ || !handle_ || PQstatus(handle_.get()) != CONNECTION_OK;
}

bool Connection::in_transaction() const noexcept {
    return handle_ && PQtransactionStatus(handle_.get()) != PQTRANS_IDLE;
}

int Connection::server_version() const { return PQserverVersion(raw()); }

int Connection::backend_pid() const { return PQbackendPID(raw()); }

std::string Connection::server_encoding() const { return parameter("server_encoding"); }

std::string Connection::parameter(const char* name) const {
    const char* value = PQparameterStatus(raw(), name);
    return value == nullptr ? "" : value;
}

}  // namespace pghaul::io
