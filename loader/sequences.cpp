#include "loader/sequences.hpp"

#include <algorithm>
#include <span>
#include <string>

#include "io/sql.hpp"

namespace pghaul::loader {
namespace {

constexpr std::size_t kPerStatement = 200;

constexpr io::Query kSetSequences{"set_sequences", R"sql(
    select pg_catalog.setval(c.oid::pg_catalog.regclass, v.last_value, v.is_called)
      from (select unnest($1::pg_catalog.text[]) as schema,
                   unnest($2::pg_catalog.text[]) as name,
                   unnest($3::pg_catalog.int8[]) as last_value,
                   unnest($4::pg_catalog.bool[]) as is_called) as v
      join pg_catalog.pg_namespace as n on n.nspname = v.schema
      join pg_catalog.pg_class as c on c.relnamespace = n.oid
                                   and c.relname = v.name
                                   and c.relkind = 'S'
)sql"};

void read_some(io::Connection& source, std::span<const snapshot::SequenceName> sequences,
               std::vector<snapshot::SequenceValue>& values) {
    std::string read;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        read += read.empty() ? "" : " union all ";
        read += "select " + std::to_string(i) + ", last_value, is_called from " +
                io::quote_qualified(sequences[i].schema, sequences[i].name);
    }
    const auto rows = source.query({"read_sequences", read + " order by 1"});
    for (int row = 0; row < rows.rows(); ++row) {
        const auto& name = sequences[static_cast<std::size_t>(row)];
        values.push_back({name, rows.integer(row, 1), rows.boolean(row, 2)});
    }
}

std::int64_t write_some(io::Connection& target, std::span<const snapshot::SequenceValue> some) {
    std::vector<std::string> schemas;
    std::vector<std::string> names;
    std::vector<std::string> values;
    std::vector<std::string> called;
    for (const auto& value : some) {
        schemas.push_back(value.sequence.schema);
        names.push_back(value.sequence.name);
        values.push_back(std::to_string(value.last_value));
        called.emplace_back(value.is_called ? "t" : "f");
    }
    return target
        .query(kSetSequences, {io::array_literal(schemas), io::array_literal(names),
                               io::array_literal(values), io::array_literal(called)})
        .rows();
}

}  // namespace

std::vector<snapshot::SequenceValue> read_sequences(
    io::Connection& source, const std::vector<snapshot::SequenceName>& sequences) {
    std::vector<snapshot::SequenceValue> values;
    for (std::span<const snapshot::SequenceName> rest(sequences); !rest.empty();) {
        const auto some = rest.first(std::min(kPerStatement, rest.size()));
        read_some(source, some, values);
        rest = rest.subspan(some.size());
    }
    return values;
}

std::int64_t write_sequences(io::Connection& target,
                             const std::vector<snapshot::SequenceValue>& values) {
    std::int64_t set = 0;
    for (std::span<const snapshot::SequenceValue> rest(values); !rest.empty();) {
        const auto some = rest.first(std::min(kPerStatement, rest.size()));
        set += write_some(target, some);
        rest = rest.subspan(some.size());
    }
    return set;
}

std::int64_t set_sequences(io::Connection& source, io::Connection& target,
                           const std::vector<snapshot::SequenceName>& sequences) {
    return write_sequences(target, read_sequences(source, sequences));
}

}  // namespace pghaul::loader
