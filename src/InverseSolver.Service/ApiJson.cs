using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Service;

/// <summary>How JSON is read and written everywhere in the service.</summary>
internal static class ApiJson
{
    /// <summary>For what the service writes and reads back.</summary>
    public static JsonSerializerOptions Options { get; } = Create(strict: false);

    /// <summary>For what callers send: unknown, repeated, missing and null members are errors, and so are numbers in quotes.</summary>
    public static JsonSerializerOptions Requests { get; } = Create(strict: true);

    /// <summary>Sets the names, enumerations and polymorphism that both have in common.</summary>
    /// <param name="options">The options to change.</param>
    public static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.AllowOutOfOrderMetadataProperties = true;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.TypeInfoResolver = (options.TypeInfoResolver ?? new DefaultJsonTypeInfoResolver()).WithAddedModifier(Problem.AddKinds);
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
    }

    private static JsonSerializerOptions Create(bool strict)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        Configure(options);
        if (strict)
        {
            options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
            options.RespectNullableAnnotations = true;
            options.RespectRequiredConstructorParameters = true;
            options.AllowDuplicateProperties = false;
            options.PropertyNameCaseInsensitive = false;
            options.MaxDepth = 16;
        }
        else
        {
            // A request is hashed before its numbers are checked, and 1e999 is one.
            options.NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals;
        }

        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
