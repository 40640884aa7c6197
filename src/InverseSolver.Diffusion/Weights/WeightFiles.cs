using System.Security.Cryptography;
using System.Text.Json;

namespace InverseSolver.Diffusion.Weights;

/// <summary>
/// The files with one network's weights, under the names that diffusers writes: one safetensors file, or an index and the shards that it names, in full
/// precision or as a variant such as <c>fp16</c>. Tensors are looked up over all of them; each lies in exactly one.
/// </summary>
internal sealed class WeightFiles : IDisposable
{
    private const string Stem = "diffusion_pytorch_model";
    private const int MaxShards = 1000;

    private readonly Dictionary<string, (SafetensorsFile File, SafetensorsEntry Entry)> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _hashes = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];

    private WeightFiles(string name) => Name = name;

    /// <summary>The weights' file, or the index where there are shards.</summary>
    internal string Name { get; }

    internal IReadOnlyDictionary<string, (SafetensorsFile File, SafetensorsEntry Entry)> Tensors => _tensors;

    /// <summary>SHA-256 of every file that was read, by its name in the network's folder.</summary>
    internal IReadOnlyDictionary<string, string> Hashes => _hashes;

    /// <summary>The names of the files that <see cref="Open"/> reads. Of shards only the index is looked at.</summary>
    /// <param name="folder">The network's folder.</param>
    /// <param name="variant">The variant to take; null takes full precision where it is there, else <c>fp16</c>.</param>
    /// <exception cref="InvalidModelException">There is an index, and it cannot be used.</exception>
    internal static IReadOnlyList<string> Names(string folder, string? variant)
    {
        string first = First(folder, variant);
        return IsIndex(first) ? [first, .. Index.Read(folder, first).Shards] : [first];
    }

    /// <summary>Opens them all and checks that index and shards agree. No tensor is read.</summary>
    /// <param name="folder">The network's folder.</param>
    /// <param name="variant">As of <see cref="Names"/>.</param>
    /// <exception cref="InvalidModelException">A file is missing or cannot be used, or index and shards contradict each other.</exception>
    internal static WeightFiles Open(string folder, string? variant)
    {
        string first = First(folder, variant);
        var weights = new WeightFiles(first);
        try
        {
            if (IsIndex(first))
            {
                weights.OpenShards(folder, Index.Read(folder, first));
            }
            else
            {
                weights.OpenFile(folder, first);
            }

            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Refuses files that were written to since they were opened.</summary>
    internal void CheckUnchanged() => _files.ForEach(file => file.CheckUnchanged());

    public void Dispose()
    {
        foreach (SafetensorsFile file in _files)
        {
            file.Dispose();
        }
    }

    private static bool IsIndex(string name) => name.EndsWith(".json", StringComparison.Ordinal);

    private static string First(string folder, string? variant)
    {
        string[] names = variant is null ? [.. Of(null), .. Of("fp16")] : Of(variant);
        return names.FirstOrDefault(name => File.Exists(Path.Combine(folder, name))) ?? names[0];

        static string[] Of(string? variant) => variant is null
            ? [$"{Stem}.safetensors", $"{Stem}.safetensors.index.json"]
            : [$"{Stem}.{variant}.safetensors", $"{Stem}.safetensors.index.{variant}.json"];
    }

    private SafetensorsFile OpenFile(string folder, string name)
    {
        SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, name), hash: true);
        _files.Add(file);
        _hashes[name] = file.Sha256!;
        foreach (SafetensorsEntry entry in file.Entries.Values)
        {
            if (!_tensors.TryAdd(entry.Name, (file, entry)))
            {
                throw new InvalidModelException($"Tensor {InvalidModelException.Quote(entry.Name)} is both in {_tensors[entry.Name].File.Name} and in {name}.");
            }
        }

        return file;
    }

    private void OpenShards(string folder, Index index)
    {
        _hashes[index.Name] = index.Sha256;
        foreach (string shard in index.Shards)
        {
            foreach (string tensor in OpenFile(folder, shard).Entries.Keys)
            {
                if (!index.Map.TryGetValue(tensor, out string? place) || place != shard)
                {
                    throw new InvalidModelException(
                        $"{shard} holds the tensor {InvalidModelException.Quote(tensor)}, which {index.Name} "
                            + $"{(place is null ? "does not name" : $"assigns to {place}")}.");
                }
            }
        }

        if (index.Map.FirstOrDefault(pair => !_tensors.ContainsKey(pair.Key)) is { Key: { } lost, Value: var where })
        {
            throw new InvalidModelException(
                $"{index.Name} assigns the tensor {InvalidModelException.Quote(lost)} to {where}, which has none of that name.");
        }
    }

    /// <summary>The index of tensors over shards. Its metadata repeat those of the shards; total_size is often that of an earlier version.</summary>
    private sealed record Index(string Name, string Sha256, IReadOnlyDictionary<string, string> Map, IReadOnlyList<string> Shards)
    {
        internal static Index Read(string folder, string name)
        {
            byte[] bytes = StrictJson.ReadFile(Path.Combine(folder, name), name);
            using JsonDocument document = StrictJson.Parse(bytes, name);
            if (!document.RootElement.TryGetProperty("weight_map", out JsonElement list) || list.ValueKind != JsonValueKind.Object)
            {
                throw new InvalidModelException($"{name}: weight_map must map tensors to shards.");
            }

            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty property in list.EnumerateObject())
            {
                map.Add(StrictJson.NameOf(property, name), Shard(property.Value, name));
            }

            string[] shards = [.. map.Values.Distinct().Order(StringComparer.Ordinal)];
            return shards.Length is > 0 and <= MaxShards
                ? new Index(name, Convert.ToHexStringLower(SHA256.HashData(bytes)), map, shards)
                : throw new InvalidModelException($"{name}: weight_map names {shards.Length} shards; 1 to {MaxShards} are read.");
        }

        private static string Shard(JsonElement value, string name)
        {
            string shard = value.ValueKind == JsonValueKind.String ? StrictJson.TextOf(value, name) : "";
            return shard.EndsWith(".safetensors", StringComparison.Ordinal) && !shard.StartsWith('.') && !shard.Any(c => c is '/' or '\\' || char.IsControl(c))
                ? shard
                : throw new InvalidModelException(
                    $"{name}: weight_map names the shard {InvalidModelException.Quote(value.ToString())}; "
                        + "it must be the name of a .safetensors file in the same folder.");
        }
    }
}
