using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace InverseSolver.ServiceTests;

/// <summary>The bill of materials names what is handed on, and a bundle that was changed after it was sealed is refused.</summary>
public sealed partial class SupplyChainTests : IDisposable
{
    // A run takes ten seconds.
    private static readonly Lazy<string> First = new(static () =>
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("inverse-bill-");
        try
        {
            return Write(Path.Combine(folder.FullName, "bill.json"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    });

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-supply-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Every_package_that_programs_load_is_in_the_bill_of_materials_with_its_version_licence_and_hash()
    {
        JsonObject bill = JsonNode.Parse(First.Value)!.AsObject();
        Assert.Equal(("CycloneDX", "1.6"), ((string)bill["bomFormat"]!, (string)bill["specVersion"]!));
        JsonObject[] components = Components(bill), packages = Of(components, "pkg:nuget/");
        string[] listed = [.. packages.Select(package => $"{package["name"]}/{package["version"]}")];
        foreach (string file in (string[])["InverseSolver.Service/{0}/InverseSolver.Service.deps.json", "InverseSolver.Cli/{0}/inverse.deps.json"])
        {
            string[] loaded = Packages(Path.Combine("src", file.Replace("{0}", $"bin/{Repository.Configuration}/net10.0", StringComparison.Ordinal)));
            Assert.True(loaded.Length > 20, file);
            Assert.Empty(loaded.Except(listed));
        }

        // libtorch is a matter of the project that loads it.
        string[] restored = [.. Packages("src/InverseSolver.Cli/obj/project.assets.json"), .. Packages("src/InverseSolver.Torch/obj/project.assets.json")];
        Assert.Empty(restored.Except(listed));
        Assert.Equal(
            ["Microsoft.AspNetCore.App.Runtime.linux-x64", "Microsoft.NETCore.App.Runtime.linux-x64"],
            listed.Except(restored).Select(name => name.Split('/')[0]));
        string cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        Assert.All(packages, package =>
        {
            string name = ((string)package["name"]!).ToLowerInvariant(), version = (string)package["version"]!;
            string hash = File.ReadAllText(Path.Combine(cache, name, version, $"{name}.{version}.nupkg.sha512"));
            Assert.Equal("SHA-512", (string?)package["hashes"]![0]!["alg"]);
            Assert.Equal(hash, Convert.ToBase64String(Convert.FromHexString((string)package["hashes"]![0]!["content"]!)));
            Assert.Equal("required", (string?)package["scope"]);
        });
    }

    [Fact]
    public void THIRD_PARTY_md_names_every_NuGet_package_in_its_version_and_the_bill_has_its_licence()
    {
        JsonObject[] components = Components(JsonNode.Parse(First.Value)!.AsObject());
        var rows = new Dictionary<string, (string Version, string Licence)>(StringComparer.Ordinal);
        foreach (Match row in Row().Matches(File.ReadAllText(Repository.File("THIRD-PARTY.md"))))
        {
            string[] names = row.Groups[1].Value.Split(" (")[0].Split(", ");
            string version = names[^1].Split(' ').ElementAtOrDefault(1) ?? "";
            foreach (string name in names) rows[name.Split(' ')[0]] = (version, row.Groups[2].Value);
        }

        Assert.All(Of(components, "pkg:nuget/"), package =>
        {
            (string version, string licence) = rows[(string)package["name"]!];
            Assert.Equal(licence, Licence(package));
            if (version.Length > 0 || (string?)package["type"] != "framework") Assert.Equal(version, (string?)package["version"]);
        });
        Assert.All(components, component => Assert.False(string.IsNullOrEmpty(Licence(component)), component.ToJsonString()));
        Assert.Equal("BSD-3-Clause", Licence(components.Single(component => (string?)component["name"] == "libtorch-cpu-linux-x64")));
    }

    [Fact]
    public void Models_fonts_and_Debian_packages_are_in_the_bill_and_two_runs_write_the_same_bytes()
    {
        JsonObject bill = JsonNode.Parse(First.Value)!.AsObject();
        Assert.DoesNotContain(Repository.Root, First.Value, StringComparison.Ordinal);
        JsonObject[] components = Components(bill);
        (_, string wanted) = Repository.Run(Repository.File("scripts", "install-packages.sh"), ["--list", "run", "image"]);
        JsonObject[] debian = Of(components, "pkg:deb/");
        Assert.Equal(wanted.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(), debian.Select(package => (string)package["name"]!).Order());
        JsonObject seccomp = debian.Single(package => (string?)package["name"] == "libseccomp2");
        (_, string version) = Repository.Run("dpkg-query", ["-W", "-f=${Version}", "libseccomp2"]);
        Assert.Equal((version, "LGPL-2.1"), ((string?)seccomp["version"], Licence(seccomp)));

        foreach (string card in Directory.EnumerateDirectories(Repository.File("models")).Select(folder => Path.Combine(folder, "model.json")))
        {
            JsonNode model = JsonNode.Parse(File.ReadAllText(card))!;
            JsonObject component = components.Single(one => (string?)one["type"] == "machine-learning-model" && (string?)one["name"] == (string?)model["id"]);
            Assert.Equal(((string?)model["version"], (string?)model["licence"]), ((string?)component["version"], Licence(component)));
            Assert.Equal(Hash(card), (string?)component["hashes"]![0]!["content"]);
            // Every tensor that the card vouches for, by the card's own hash.
            Dictionary<string, string> parts = component["components"]!.AsArray()
                .ToDictionary(part => (string)part!["name"]!, part => (string)part!["hashes"]![0]!["content"]!);
            Assert.Equal(3, parts.Count);
            Assert.All(
                model["sha256"]!.AsObject().Where(file => file.Key.EndsWith(".safetensors", StringComparison.Ordinal)),
                file => Assert.Equal((string?)file.Value, parts[file.Key]));
        }

        Assert.Contains(components, component => (string?)component["name"] == "DejaVuSans.ttf");
        string[] references = [.. components.Select(component => (string)component["bom-ref"]!)];
        Assert.Equal(references.Length, references.Distinct().Count());
        Assert.Equal(references, bill["dependencies"]![0]!["dependsOn"]!.AsArray().Select(one => (string)one!));
        Assert.Equal(First.Value, Write(PathOf("again.json")));
    }

    [Theory]
    [InlineData("libc6:amd64\t2.41-12+deb13u1\nlibssl3t64:amd64\t1:3.5.4-1~deb13u1\n", null)]
    [InlineData(
        "Package: libc6\nSource: glibc\nVersion: 2.41-12+deb13u1\nDescription: x\n .\n Version: 9\nFilename: ./a.deb\nSHA256: 0123\n\n"
            + "Package: libssl3t64\nVersion: 1:3.5.4-1~deb13u1\nSHA256: 4567\n\n",
        "0123")]
    public void Debian_packages_of_an_image_and_of_a_bundle_are_read_from_their_lists(string list, string? hash)
    {
        File.WriteAllText(PathOf("packages"), list);
        JsonObject[] debian = Of(Components(JsonNode.Parse(Write(PathOf("bill.json"), "--packages", PathOf("packages")))!.AsObject()), "pkg:deb/");
        Assert.Equal(
            ["pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64&distro=trixie", "pkg:deb/debian/libssl3t64@1:3.5.4-1~deb13u1?arch=amd64&distro=trixie"],
            debian.Select(package => (string)package["purl"]!));
        Assert.Equal(["/usr/share/doc/libc6/copyright", "Apache-2.0"], debian.Select(Licence));
        Assert.Equal(hash, (string?)debian[0]["hashes"]?[0]!["content"]);
    }

    [Fact]
    public void A_bundle_that_was_changed_after_it_was_signed_is_refused_with_the_reason()
    {
        string bundle = _folder.CreateSubdirectory("bundle").FullName, program = Path.Combine(bundle, "app", "program");
        Directory.CreateDirectory(Path.GetDirectoryName(program)!);
        File.Copy(Repository.File("deploy", "install.sh"), Path.Combine(bundle, "install.sh"));
        File.WriteAllText(program, "program");
        string security = File.ReadAllText(Repository.File("docs", "security.md"));
        foreach (string name in (string[])["signing", "other"])
        {
            // As the document makes them.
            string keys = string.Join('\n', KeyCommands().Matches(security).Select(match => match.Value.Replace("signing", name, StringComparison.Ordinal)));
            Assert.Equal(2, keys.Split('\n').Length);
            Shell(_folder.FullName, keys, 0);
        }

        Seal("signing.pem");
        string verify = VerifyCommand().Match(security).Value.Replace("signing.pub.pem", "../signing.pub.pem", StringComparison.Ordinal);
        Assert.NotEmpty(verify);
        Shell(bundle, verify, 0);
        Assert.DoesNotMatch("bundle (is damaged|was not|has)", Install("signing.pub.pem"));
        Assert.DoesNotMatch("bundle (is damaged|was not|has)", Install());
        Assert.Contains("there is no key nothing.pem", Install("nothing.pem"), StringComparison.Ordinal);
        Assert.Contains("was not signed by the owner of other.pub.pem, or was changed", Install("other.pub.pem"), StringComparison.Ordinal);

        // One byte of a file; then its sum too, as who changes it on purpose would do.
        File.WriteAllText(program, "Program");
        Shell(bundle, verify, 1);
        Assert.Contains("the bundle is damaged", Install("signing.pub.pem"), StringComparison.Ordinal);
        Shell(bundle, "sha256sum $(cut -c 67- SHA256SUMS) >new && mv new SHA256SUMS", 0);
        Shell(bundle, verify, 1);
        Assert.Contains("was not signed by the owner of signing.pub.pem", Install("signing.pub.pem"), StringComparison.Ordinal);

        // Sealed anew without a key, which takes the old signature away; then a file that no sum names.
        Seal();
        Assert.Contains("has no signature", Install("signing.pub.pem"), StringComparison.Ordinal);
        Seal("signing.pem");
        Assert.DoesNotMatch("bundle (is damaged|was not|has)", Install("signing.pub.pem"));
        File.WriteAllText(program + ".so", "");
        Assert.Contains("files that its checksums do not name: ./app/program.so", Install("signing.pub.pem"), StringComparison.Ordinal);
        File.Delete(program + ".so");
        File.CreateSymbolicLink(program + ".so", "/etc/passwd");
        Assert.Contains("files that its checksums do not name: ./app/program.so", Install(), StringComparison.Ordinal);

        void Seal(params string[] key) => Shell(_folder.FullName, $"{Repository.File("scripts", "seal.sh")} bundle {string.Join(' ', key)}", 0);

        // It never gets further than to the question where it runs: there are no packages.
        string Install(params string[] key)
        {
            (int code, string output) = Repository.Run("bash", ["-c", $"cd {_folder.FullName} && bundle/install.sh {string.Join(' ', key)}"]);
            Assert.NotEqual(0, code);
            Assert.False(Directory.Exists(Path.Combine(bundle, "packages")));
            return output;
        }
    }

    private static void Shell(string folder, string command, int expected)
    {
        (int code, string output) = Repository.Run("bash", ["-c", $"set -e; cd {folder}; {command}"]);
        Assert.True(code == expected, $"{code}: {command}\n{output}");
    }

    private static string Write(string file, params string[] options)
    {
        (int code, string output) = Repository.Run(
            "/usr/bin/python3", [Repository.File("scripts", "sbom.py"), "--out", file, .. options], [("MSBUILDDISABLENODEREUSE", "1")]);
        Assert.True(code == 0, output);
        return File.ReadAllText(file);
    }

    private static JsonObject[] Components(JsonObject bill) => [.. bill["components"]!.AsArray().Select(one => one!.AsObject())];

    private static JsonObject[] Of(JsonObject[] components, string kind) =>
        [.. components.Where(one => ((string?)one["purl"])?.StartsWith(kind, StringComparison.Ordinal) == true)];

    private static string? Licence(JsonObject component) =>
        (string?)(component["licenses"]![0]!["license"]!["id"] ?? component["licenses"]![0]!["license"]!["name"]);

    // NAME/VERSION of the packages that a file of NuGet or of the .NET host lists.
    private static string[] Packages(string file) =>
    [
        .. JsonNode.Parse(File.ReadAllText(Repository.File(file)))!["libraries"]!.AsObject()
            .Where(library => (string?)library.Value!["type"] == "package").Select(library => library.Key),
    ];

    private static string Hash(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    [GeneratedRegex(@"^\| ([^|]+) \| ([^|]+) \|", RegexOptions.Multiline)] private static partial Regex Row();

    [GeneratedRegex("^openssl (ecparam|pkey) .*signing.pem[^#\n]*", RegexOptions.Multiline)] private static partial Regex KeyCommands();

    [GeneratedRegex("^openssl dgst .*signing.pub.pem.*SHA256SUMS$", RegexOptions.Multiline)] private static partial Regex VerifyCommand();
}
