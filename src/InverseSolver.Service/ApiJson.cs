using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Service;

/// <summary>The settings for JSON in the whole service.</summary>
internal static class ApiJson
{
    /// <summary>For JSON that the service writes and reads back.</summary>
    public static JsonSerializerOptions Options { get; } = Create(strict: false);

    /// <summary>For JSON from callers: unknown, repeated, missing and null members are errors, and so are numbers in quotes.</summary>
    public static JsonSerializerOptions Requests { get; } = Create(strict: true);

    /// <summary>Sets the common conventions of names, enumerations and polymorphism.</summary>
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
            // A request is hashed before its numbers are checked, and may hold 1e999.
            options.NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals;
        }

        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
