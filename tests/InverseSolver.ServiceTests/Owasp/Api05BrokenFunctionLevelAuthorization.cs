using System.Net.Http.Json;

namespace InverseSolver.ServiceTests.Owasp;

/// <summary>API5:2023: functions of administrators. The table of all operations is <see cref="AccessStories"/>; here are the ways around it.</summary>
public sealed class Api05BrokenFunctionLevelAuthorization
{
    [Fact]
    public async Task No_other_method_spelling_or_header_opens_what_needs_a_scope()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"));
        using var sender = new Browser(service.Client.BaseAddress!);
        string key = service.Key("alice", "", "read", "submit", "tenant"), reader = service.Key("bob", "", "read");
        string[] paths =
            ["/v1/keys", "/V1/Keys", "/v1/keys/", "/v1/quotas", "/v1/audit", "/v1//keys", "/v1/./keys", "/v1/jobs/../keys", "/v1/%6beys"];
        foreach (string path in paths)
        {
            (int status, _) = await sender.AskAsync("GET", path, ("X-API-Key", key));
            Assert.True(status is 403 or 404, $"{path}: {status}");
            using HttpResponseMessage head = await sender.SendAsync("HEAD", path, headersOnly: false, ("X-API-Key", key));
            Assert.Equal(status, (int)head.StatusCode);
        }

        foreach (string header in (string[])["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
        {
            Assert.Equal((403, "missingScope"), await sender.AskAsync("POST", "/v1/models/brain-mri-128/unload", ("X-API-Key", key), (header, "GET")));
            using HttpResponseMessage answer = await sender.SendAsync(
                "POST", "/v1/jobs", headersOnly: false, JsonContent.Create(Requests.Job()), ("X-API-Key", reader), (header, "GET"));
            Assert.Equal(403, (int)answer.StatusCode);
        }

        foreach (string header in (string[])["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"])
        {
            Assert.Equal((200, null), await sender.AskAsync("GET", "/v1/problems", ("X-API-Key", key), (header, "/v1/keys")));
        }

        // A key gives no more scopes than its maker asks for, and only who has admin makes keys.
        Assert.Equal((403, "missingScope"), await sender.AskAsync("POST", "/v1/keys", ("X-API-Key", key)));
        Assert.Equal((403, "missingScope"), await sender.AskAsync("DELETE", $"/v1/keys/{reader.Split('_')[1]}", ("X-API-Key", key)));
    }
}
