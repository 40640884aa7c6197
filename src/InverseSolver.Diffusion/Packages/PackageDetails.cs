using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Packages;

/// <summary>A file that makes up a model.</summary>
/// <param name="Name">Its name from the package's folder.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its SHA-256 in small hexadecimal digits, from the card or computed.</param>
public sealed record PackageFile(string Name, long Bytes, string Sha256);

/// <summary>The content of a package.</summary>
/// <param name="Info">The description of the model, with its hash.</param>
/// <param name="Card">model.json as it stands; null where there is none.</param>
/// <param name="Configs">The configs of its networks and its scheduler by file name, without the names of the machine that wrote them.</param>
/// <param name="Files">The files that its hash is made of.</param>
/// <param name="ExpectedBytes">Bytes of the loaded weights.</param>
public sealed record PackageDetails(
    ModelInfo Info, JsonObject? Card, IReadOnlyDictionary<string, JsonObject> Configs, IReadOnlyList<PackageFile> Files, long ExpectedBytes)
{
    internal static PackageDetails Read(Package package, ModelInfo info, PackageIndex index)
    {
        ModelCard card = ModelCard.Read(package.Folder);
        return new PackageDetails(
            info,
            package.Stamps.ContainsKey(ModelCard.FileName) ? Json(package.Folder, ModelCard.FileName) : null,
            package.Parts.Where(part => part.EndsWith("config.json", StringComparison.Ordinal)).ToDictionary(part => part, part => Json(package.Folder, part)),
            [.. package.Parts.Select(part =>
                new PackageFile(part, package.Stamps[part].Bytes, card.Sha256.GetValueOrDefault(part) ?? index.HashOf(package, part)))],
            package.ExpectedBytes);
    }

    private static JsonObject Json(string folder, string file)
    {
        using JsonDocument document = StrictJson.ParseConfig(Path.Combine(folder, file), file);
        JsonObject json = JsonObject.Create(document.RootElement.Clone())!;
        json.Remove("_name_or_path");
        return json;
    }
}
