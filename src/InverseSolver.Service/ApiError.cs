using System.ComponentModel;

namespace InverseSolver.Service;

/// <summary>A fault of one field of a request.</summary>
/// <param name="Field">The field in JSON notation.</param>
/// <param name="Code">The stable code of the error for programs.</param>
/// <param name="Detail">The fault and its remedy.</param>
internal sealed record FieldError(string Field, string Code, string Detail);

/// <summary>An error as problem+json (RFC 9457).</summary>
/// <param name="Type">The code as a URN.</param>
/// <param name="Title">The status in words.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The stable code of the error for programs, for example <c>invalidInput</c>.</param>
/// <param name="Detail">The fault and its remedy.</param>
/// <param name="Field">The offending field of the request in JSON notation, for example <c>problem.mask.fraction</c>.</param>
/// <param name="TraceId">The id of the request in the service's log.</param>
/// <param name="Errors">All faults that were found in the request, the first of which the other members name; empty where no field is to blame.</param>
[DisplayName("Error")]
internal sealed record ApiError(
    string Type, string Title, int Status, string Code, string? Detail, string? Field, string? TraceId, IReadOnlyList<FieldError> Errors)
{
    /// <summary>The content type of an error.</summary>
    public const string ContentType = "application/problem+json";
}
