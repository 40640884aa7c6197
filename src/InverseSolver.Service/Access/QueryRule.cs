using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace InverseSolver.Service.Access;

/// <summary>Refuses query parameters that an endpoint does not have: one that is misspelt would be without effect, and without a word.</summary>
internal static class QueryRule
{
    private static readonly ConcurrentDictionary<Endpoint, IReadOnlyList<string>> Names = new();

    /// <summary>Checks a request that was routed to an endpoint of the API.</summary>
    /// <param name="http">The request.</param>
    /// <param name="next">Answers it.</param>
    public static Task Check(HttpContext http, RequestDelegate next)
    {
        if (http.Request.Query.Count > 0 && http.GetEndpoint() is RouteEndpoint endpoint && endpoint.Metadata.GetMetadata<MethodInfo>() is { } handler)
        {
            IReadOnlyList<string> names = Names.GetOrAdd(endpoint, _ => [.. NamesOf(handler, endpoint)]);
            RequestException.ThrowAll(http.Request.Query.Keys.Where(name => !names.Contains(name, StringComparer.OrdinalIgnoreCase))
                .Select(name => (Action)(() => throw new RequestException(
                    StatusCodes.Status400BadRequest, "unknownParameter", name.Length <= 100 ? name : name[..100],
                    names is [] ? "This address has no query parameters." : $"The query parameter is unknown; there are {string.Join(", ", names)}."))));
        }

        return next(http);
    }

    private static IEnumerable<string> NamesOf(MethodInfo handler, RouteEndpoint endpoint) =>
        from parameter in handler.GetParameters()
        let type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType
        where type == typeof(string) || type.IsPrimitive || type == typeof(DateTimeOffset)
        where !parameter.IsDefined(typeof(FromHeaderAttribute)) && endpoint.RoutePattern.GetParameter(parameter.Name!) is null
        select parameter.Name!;
}
