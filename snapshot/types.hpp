// The source's data types, as far as copying their values needs: which travel in binary, which have
// one text for equal values, what literals are cast to. Domains are what they are based on.
// Thread: any; nothing changes after construction.
#pragma once

#include <map>
#include <string>

#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::snapshot {

// OIDs of built-in types. Source: pg_type.dat; the same in every version.
inline constexpr Oid kByteaType = 17;
inline constexpr Oid kTextType = 25;

class Types {
  public:
    /// Reads them all. Throws: io::Error.
    explicit Types(io::Connection& source);

    /// True if the type's binary COPY form is the same on every server.
    bool binary_safe(Oid oid) const;
    /// True if two values are equal just when their texts are. Not so for numeric (1.0, 1.00),
    /// floats (0, -0), intervals (1 day, 24 hours), bpchar, citext, …
    bool text_tells(Oid oid) const;
    /// True for a type that the server itself brings.
    bool built_in(Oid oid) const;
    /// Qualified, for casting literals: pg_catalog.int8. Empty if it is not known.
    std::string sql_name(Oid oid) const;

  private:
    struct Type {
        char kind = 'b';
        Oid base = 0;
        Oid element = 0;
        std::string sql_name;
        bool built_in = false;
        std::string name;
    };
    /// What the domain is based on. Null if it is not known.
    const Type* base_of(Oid oid) const;

    bool infinite_intervals_;
    std::map<Oid, Type> types_;
};

}  // namespace pghaul::snapshot
