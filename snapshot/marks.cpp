#include "snapshot/marks.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "io/error.hpp"
#include "snapshot/journal_sql.hpp"
#include "snapshot/plan_sql.hpp"

namespace pghaul::snapshot {
namespace {

constexpr std::array<std::pair<Proof, const char*>, 5> kProofs = {
    {{Proof::none, ""},
     {Proof::unwanted, "unwanted"},
     {Proof::read_back, "read back"},
     {Proof::compared, "compared"},
     {Proof::differences, "differences"}}};

std::uint64_t from_hex(std::string_view digits) {
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    return value;
}

std::string array_of(const std::vector<int>& numbers) {
    std::vector<std::string> texts;
    for (const int number : numbers) texts.push_back(std::to_string(number));
    return io::array_literal(texts);
}

}  // namespace

const char* name_of(Proof proof) {
    for (const auto& [each, name] : kProofs) {
        if (each == proof) return name;
    }
    return "";
}

Proof proof_from_name(std::string_view name) {
    for (const auto& [proof, each] : kProofs) {
        if (each == name) return proof;
    }
    return Proof::none;
}

void throw_taken_over(const std::string& job) {
    throw io::Error("another run has taken over job " + job)
        .exit_code(io::ExitCode::stopped)
        .hint("let that run finish; see pghaul status");
}

void mark_loaded(io::Connection& target, const JobTicket& ticket,
                 const std::vector<LoadedChunk>& chunks) {
    std::vector<std::string> tables;
    std::vector<std::string> numbers;
    std::vector<std::string> rows;
    std::vector<std::string> bytes;
    std::vector<std::string> sums;
    for (const auto& one : chunks) {
        tables.push_back(std::to_string(one.table));
        numbers.push_back(std::to_string(one.chunk));
        rows.push_back(std::to_string(one.rows.rows));
        bytes.push_back(std::to_string(one.bytes));
        sums.push_back(fmt::format("{:016x}{:016x}", one.rows.sum.high, one.rows.sum.low));
    }
    const auto marked = target.query(
        kMarkLoaded, {ticket.job, std::to_string(ticket.run), std::to_string(ticket.snapshot),
                      io::array_literal(tables), io::array_literal(numbers),
                      io::array_literal(rows), io::array_literal(bytes), io::array_literal(sums)});
    if (marked.affected() != static_cast<std::int64_t>(chunks.size())) throw_taken_over(ticket.job);
}

void write_marks(io::Connection& target, JobTicket ticket, const CopyMarks& marks) {
    for (const auto& [snapshot, chunks] : marks.loaded) {
        ticket.snapshot = snapshot;
        mark_loaded(target, ticket, chunks);
    }
    for (const auto& [proof, tables] : marks.proofs) mark_proof(target, ticket.job, tables, proof);
    if (!marks.finished.empty()) mark_finished(target, ticket.job, marks.finished);
}

void mark_objects_loaded(io::Connection& target, const JobTicket& ticket, int number,
                         std::int64_t bytes) {
    const auto marked =
        target.query(kMarkObjects, {ticket.job, std::to_string(ticket.run), std::to_string(number),
                                    std::to_string(ticket.snapshot), std::to_string(bytes)});
    if (marked.affected() != 1) throw_taken_over(ticket.job);
}

bool is_loaded(io::Connection& target, const std::string& job, int table, int chunk) {
    const auto rows = target.query(kIsLoaded, {job, std::to_string(table), std::to_string(chunk)});
    return rows.rows() == 1 && rows.boolean(0, 0);
}

bool objects_are_loaded(io::Connection& target, const std::string& job, int number) {
    const auto rows = target.query(kObjectsLoaded, {job, std::to_string(number)});
    return rows.rows() == 1 && rows.boolean(0, 0);
}

void mark_window(io::Connection& target, const JobTicket& ticket, const std::string& to,
                 std::int64_t delta_rows) {
    const auto marked = target.query(
        kMarkWindow, {ticket.job, std::to_string(ticket.run), to, std::to_string(delta_rows)});
    if (marked.affected() != 1) throw_taken_over(ticket.job);
}

void mark_finished(io::Connection& target, const std::string& job, const std::vector<int>& tables) {
    target.query(kMarkFinished, {job, array_of(tables)});
}

void mark_proof(io::Connection& target, const std::string& job, const std::vector<int>& tables,
                Proof proof) {
    target.query(kMarkProof, {job, array_of(tables), std::string(name_of(proof))});
}

io::RowSum sent_rows(io::Connection& target, const std::string& job, int table) {
    const auto rows = target.query(kReadSums, {job, std::to_string(table)});
    io::RowSum all;
    for (int row = 0; row < rows.rows(); ++row) {
        const auto sum = rows.text(row, 1);
        all.add({static_cast<std::uint64_t>(rows.integer(row, 0)),
                 {from_hex(sum.substr(16)), from_hex(sum.substr(0, 16))}});
    }
    return all;
}

void mark_step(io::Connection& target, const std::string& job, const std::string& step,
               std::int64_t entries_done, bool finished) {
    target.query(kMarkStep, {job, step, std::to_string(entries_done), finished ? "t" : "f"});
}

}  // namespace pghaul::snapshot
