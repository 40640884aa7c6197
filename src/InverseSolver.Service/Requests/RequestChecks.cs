using System.ComponentModel.DataAnnotations;
using System.Text.Json;

namespace InverseSolver.Service.Requests;

/// <summary>Checks of a request's members; problem and solver are checked elsewhere.</summary>
internal static class RequestChecks
{
    /// <summary>Checks the range attributes of a record's properties.</summary>
    /// <param name="request">The record.</param>
    /// <exception cref="RequestException">All that are out of range.</exception>
    public static void CheckRanges(object request)
    {
        var errors = new List<ValidationResult>();
        Validator.TryValidateObject(request, new ValidationContext(request), errors, validateAllProperties: true);
        RequestException.ThrowAll(errors.Select(error => (Action)(() => throw Unprocessable(
            "outOfRange", JsonNamingPolicy.CamelCase.ConvertName(error.MemberNames.FirstOrDefault() ?? ""), error.ErrorMessage!))));
    }

    /// <summary>An error of a field's content.</summary>
    public static RequestException Unprocessable(string code, string field, string text) =>
        new(StatusCodes.Status422UnprocessableEntity, code, field, text);
}
