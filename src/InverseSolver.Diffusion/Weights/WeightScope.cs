namespace InverseSolver.Diffusion.Weights;

/// <summary>The weights under one prefix, as <c>down_blocks.0.resnets.1</c>.</summary>
internal readonly record struct WeightScope(NetworkWeights Weights, string Prefix)
{
    internal WeightScope At(string name) => new(Weights, Prefix.Length == 0 ? name : $"{Prefix}.{name}");

    internal WeightScope At(string name, int index) => At($"{name}.{index}");

    internal bool Has(string name) => Weights.Has(At(name).Prefix);

    internal Tensor Take(string name, params long[] shape) => Weights.Take(At(name).Prefix, shape);

    internal InvalidModelException Error(string what) => new($"{(Prefix.Length == 0 ? "the network" : Prefix)}: {what}.");
}
