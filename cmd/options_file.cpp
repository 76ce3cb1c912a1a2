#include "cmd/options_file.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cmd/option_values.hpp"

namespace pghaul::cmd {

std::vector<std::string> with_config(const CLI::App& command, const std::vector<CLI::App*>& all,
                                     const std::string& file, std::vector<std::string> arguments) {
    std::vector<CLI::ConfigItem> items;
    try {
        items = CLI::ConfigTOML().from_file(file);
    } catch (const CLI::Error& error) {
        throw usage("configuration file " + file + ": " + error.what());
    }
    for (const auto& item : items) {
        const std::string name = "--" + item.name;
        const bool known = std::any_of(all.begin(), all.end(), [&](const CLI::App* app) {
            return app->get_option_no_throw(name) != nullptr;
        });
        if (!item.parents.empty()) {
            throw usage("configuration file " + file + ": [" + item.parents.front() +
                        "]: options stand without sections and apply to every command that "
                        "has them");
        }
        if (!known || item.name == "config") {
            throw usage("configuration file " + file + ": unknown option " + item.name);
        }
        const auto* option = command.get_option_no_throw(name);
        if (option == nullptr || option->count() > 0) continue;
        if (option->get_expected_max() == 0) {
            if (item.inputs != std::vector<std::string>{"true"} &&
                item.inputs != std::vector<std::string>{"false"}) {
                throw usage("configuration file " + file + ": " + item.name +
                            " is either true or false");
            }
            if (item.inputs.front() == "true") arguments.push_back(name);
            continue;
        }
        for (const auto& value : item.inputs) {
            arguments.push_back(name);
            arguments.push_back(value);
        }
    }
    return arguments;
}

}  // namespace pghaul::cmd
