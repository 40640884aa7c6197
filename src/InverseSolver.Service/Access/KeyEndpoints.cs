using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace InverseSolver.Service.Access;

/// <summary>Keys over HTTP.</summary>
internal static class KeyEndpoints
{
    /// <summary>Maps the endpoints.</summary>
    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder keys = app.MapGroup("/v1/keys").WithTags("Keys");
        keys.MapPost("", Create).WithName("createKey").Accepts<ApiKeyRequest>("application/json").Needs(Scope.Admin).ProducesErrors(409, 413, 422);
        keys.MapGet("", List).WithName("listKeys").Needs(Scope.Admin).ProducesErrors();
        keys.MapDelete("{id}", Revoke).WithName("revokeKey").Needs(Scope.Admin).ProducesErrors(404);
    }

    /// <summary>Makes a key.</summary>
    /// <remarks>The key itself is in this answer only: the service stores its hash.</remarks>
    /// <response code="201">The key.</response>
    private static async Task<Created<NewApiKey>> Create(HttpContext http, [FromServices] ApiKeys keys, [FromServices] Requests.UploadReader reader)
    {
        using Requests.Upload<ApiKeyRequest> upload = await reader.ReadAsync<ApiKeyRequest>(http.Request, http.Account().Caller, [], http.RequestAborted);
        ApiKeyRequest request = upload.Request;
        request.Check();
        if (http.Account().IsAnonymous)
        {
            // Whoever reached the service now would have it later.
            throw new RequestException(
                StatusCodes.Status409Conflict, "keysOff", null,
                "This service asks nobody who they are, and so makes no keys: set Access:Keys, "
                    + "or make them by `inverse keys create --data` while it is stopped.");
        }

        NewApiKey made = keys.Create(request);
        return TypedResults.Created($"/v1/keys/{made.Details.Id}", made);
    }

    /// <summary>Lists the keys.</summary>
    /// <remarks>Expired and revoked keys are listed too.</remarks>
    /// <response code="200">The keys, the newest first.</response>
    private static Ok<ApiKeyList> List([FromServices] ApiKeys keys) => TypedResults.Ok(new ApiKeyList(keys.List()));

    /// <summary>Revokes a key.</summary>
    /// <remarks>It counts from the next request on; in other processes of the service within five seconds. Jobs of its account stay.</remarks>
    /// <param name="id">The key's id.</param>
    /// <response code="200">The key.</response>
    private static Ok<ApiKey> Revoke(string id, [FromServices] ApiKeys keys) =>
        TypedResults.Ok(keys.Revoke(id) ?? throw RequestException.NotFound("key"));
}
