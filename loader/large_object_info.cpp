#include "loader/large_object_info.hpp"

#include <algorithm>

#include "io/error.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Oid;

// Rows: oid, owner, comment, whether the owner's own rights are the default ones.
constexpr io::Query kListObjects{"list_large_objects", R"sql(
    select m.oid::pg_catalog.int8,
           pg_catalog.pg_get_userbyid(m.lomowner),
           pg_catalog.obj_description(m.oid, 'pg_largeobject'),
           m.lomacl is null
             or 2 = (select pg_catalog.count(*)
                       from pg_catalog.aclexplode(m.lomacl) as a
                      where a.grantee = m.lomowner
                        and not a.is_grantable)
      from pg_catalog.pg_largeobject_metadata as m
     where m.oid between $1::pg_catalog.oid and $2::pg_catalog.oid
     order by m.oid
)sql"};

// Rows: oid, grantee or null for PUBLIC, privilege, with grant option; only what differs from the
// default, or all of the owner's if these do.
constexpr io::Query kListPrivileges{"list_large_object_privileges", R"sql(
    select m.oid::pg_catalog.int8, r.rolname, a.privilege_type, a.is_grantable
      from pg_catalog.pg_largeobject_metadata as m
     cross join pg_catalog.aclexplode(m.lomacl) as a
      left join pg_catalog.pg_roles as r on r.oid = a.grantee
     where m.oid between $1::pg_catalog.oid and $2::pg_catalog.oid
       and (a.grantee = 0 or r.oid is not null)
     order by m.oid
)sql"};

void add_grants(io::Connection& source, std::vector<LargeObject>& objects) {
    if (objects.empty()) return;
    const auto rows = source.query(
        kListPrivileges, {std::to_string(objects.front().oid), std::to_string(objects.back().oid)});
    for (int row = 0; row < rows.rows(); ++row) {
        const auto object =
            std::lower_bound(objects.begin(), objects.end(), static_cast<Oid>(rows.integer(row, 0)),
                             [](const LargeObject& each, Oid oid) { return each.oid < oid; });
        LargeObject::Grant grant{{}, rows.string(row, 2), rows.boolean(row, 3)};
        if (!rows.is_null(row, 1)) grant.grantee = rows.string(row, 1);
        if (object->owner_rights_are_default && grant.grantee == object->owner) continue;
        object->grants.push_back(std::move(grant));
    }
}

std::string owners_and_comments(const std::vector<LargeObject>& objects, bool no_owner) {
    std::string sql;
    for (const auto& object : objects) {
        const std::string name = "large object " + std::to_string(object.oid);
        if (!no_owner)
            sql += "alter " + name + " owner to " + io::quote_ident(object.owner) + ";\n";
        if (object.comment) {
            sql += "comment on " + name + " is " + io::quote_literal(*object.comment) + ";\n";
        }
    }
    return sql;
}

std::string privileges(const std::vector<LargeObject>& objects) {
    std::string sql;
    // Take the owner's default rights away first, then give back what there is.
    for (const auto& object : objects) {
        const std::string name = "large object " + std::to_string(object.oid);
        if (!object.owner_rights_are_default) {
            sql += "revoke all on " + name + " from " + io::quote_ident(object.owner) + ";\n";
        }
        for (const auto& grant : object.grants) {
            sql += "grant " + grant.privilege + " on " + name + " to " +
                   (grant.grantee ? io::quote_ident(*grant.grantee) : "public") +
                   (grant.grantable ? " with grant option;\n" : ";\n");
        }
    }
    return sql;
}

void apply(io::Connection& target, const std::string& name, const std::string& sql) {
    if (sql.empty()) return;
    try {
        target.execute({name, sql});
    } catch (io::Error& error) {
        if (error.sqlstate() == "42704") {
            error.hint(
                "create the roles first (pg_dumpall --roles-only) or use --no-owner "
                "--no-privileges");
        } else if (error.sqlstate() == "42501") {
            error.hint(
                "connect to the target as a member of the owners' roles or use --no-owner "
                "--no-privileges");
        }
        throw;
    }
}

}  // namespace

std::vector<LargeObject> list_large_objects(io::Connection& source, Oid first, Oid last) {
    const auto rows = source.query(kListObjects, {std::to_string(first), std::to_string(last)});
    std::vector<LargeObject> objects;
    for (int row = 0; row < rows.rows(); ++row) {
        LargeObject object;
        object.oid = static_cast<Oid>(rows.integer(row, 0));
        object.owner = rows.string(row, 1);
        if (!rows.is_null(row, 2)) object.comment = rows.string(row, 2);
        object.owner_rights_are_default = rows.boolean(row, 3);
        objects.push_back(std::move(object));
    }
    add_grants(source, objects);
    return objects;
}

void describe_large_objects(io::Connection& target, const std::vector<LargeObject>& objects,
                            bool no_owner, bool no_privileges) {
    apply(target, "large_object_owners", owners_and_comments(objects, no_owner));
    if (!no_privileges) apply(target, "large_object_privileges", privileges(objects));
}

}  // namespace pghaul::loader
